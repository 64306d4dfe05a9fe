/** A watcher as it is being written, and what the host is sent of it. Pure. */

import type { Watcher } from "../api/shapes";

export type Action = "python" | "glyph_execute" | "plugin_execute" | "webhook";

export interface WatcherDraft {
  name: string;
  subjects: string;
  predicates: string;
  contexts: string;
  actors: string;
  action: Action;
  code: string;
  /** Who runs the code. */
  symbol: string;
  /** The id of the glyph that is run. */
  glyph: string;
  /** `PLUGIN/HANDLER`. */
  handler: string;
  url: string;
  rate: string;
}

export const TERMS = ["subjects", "predicates", "contexts", "actors"] as const;

export const NEW: WatcherDraft = {
  name: "", subjects: "", predicates: "", contexts: "", actors: "", action: "python", code: "", symbol: "py", glyph: "", handler: "", url: "", rate: "3",
}; // prettier-ignore

export function terms(text: string): string[] {
  return text.split(",").map((term) => term.trim()).filter(Boolean); // prettier-ignore
}

/** What is missing or cannot be, by field. */
export function problems(draft: WatcherDraft): Partial<Record<keyof WatcherDraft, string>> {
  const found: Partial<Record<keyof WatcherDraft, string>> = {};
  if (!draft.name.trim()) found.name = "Give it a name.";
  if (TERMS.every((field) => terms(draft[field]).length === 0)) found.predicates = "Say what it waits for: at least one term, here or in another field.";
  if (draft.action === "python" && !draft.code.trim()) found.code = "Write what it runs.";
  if (draft.action === "glyph_execute" && !draft.glyph) found.glyph = "Choose a glyph.";
  if (draft.action === "plugin_execute" && !draft.handler) found.handler = "Choose a handler.";
  if (draft.action === "webhook" && !/^https?:\/\/\S+$/.test(draft.url.trim())) found.url = "An address that begins with http:// or https://.";
  if (!(Number(draft.rate) >= 0) || draft.rate.trim() === "") found.rate = "A number; 0 is never.";
  return found;
} // prettier-ignore

/** The field of the form that the host means. */
export function fieldOf(draft: WatcherDraft, named: string): keyof WatcherDraft {
  if (named === "action_data") return ACTION_FIELD[draft.action];
  if (named === "max_fires_per_second") return "rate";
  if (named === "glyph") return "symbol";
  return named in draft ? (named as keyof WatcherDraft) : "name";
}

export function bodyOf(draft: WatcherDraft) {
  const wanted = Object.fromEntries(TERMS.map((field) => [field, terms(draft[field])])) as Record<(typeof TERMS)[number], string[]>;
  return {
    name: draft.name.trim(),
    ...wanted,
    action_type: draft.action,
    action_data: actionData(draft),
    glyph: draft.symbol,
    max_fires_per_second: Number(draft.rate),
  };
}

export function draftOf(watcher: Watcher): WatcherDraft {
  const action = watcher.action_type;
  const told = action === "glyph_execute" || action === "plugin_execute" ? (JSON.parse(watcher.action_data) as Record<string, string>) : {};
  return {
    ...NEW,
    ...Object.fromEntries(TERMS.map((field) => [field, watcher[field].join(", ")])),
    name: watcher.name,
    action,
    code: action === "python" ? watcher.action_data : "",
    symbol: watcher.glyph || "py",
    glyph: told.target_glyph_id ?? "",
    handler: told.handler_name ? `${told.plugin_name}/${told.handler_name}` : "",
    url: action === "webhook" ? watcher.action_data : "",
    rate: String(watcher.max_fires_per_second),
  };
} // prettier-ignore

const ACTION_FIELD: Record<Action, keyof WatcherDraft> = { python: "code", glyph_execute: "glyph", plugin_execute: "handler", webhook: "url" };

function actionData(draft: WatcherDraft): string {
  const [plugin, ...handler] = draft.handler.split("/");
  switch (draft.action) {
    case "python":
      return draft.code;
    case "webhook":
      return draft.url.trim();
    case "glyph_execute":
      return JSON.stringify({ target_glyph_id: draft.glyph });
    case "plugin_execute":
      return JSON.stringify({ plugin_name: plugin, handler_name: handler.join("/") });
  }
}
