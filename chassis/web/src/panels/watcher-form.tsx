/** Makes a watcher, or changes one: what it waits for, and what it does then. */

import { useSignal } from "@preact/signals";
import { ask, fault, path, Refusal } from "../api/client";
import type { Watcher } from "../api/shapes";
import { glyphs, kinds } from "../canvas/glyphs";
import { Code } from "../python/code";
import { say } from "../shell/notices";
import { Button } from "../ui/button";
import { Dialog, toFault } from "../ui/dialog";
import { Field } from "../ui/field";
import { handlerNames } from "./handler-names";
import { useAsked } from "./loading";
import { bodyOf, draftOf, fieldOf, NEW, problems, TERMS, type Action, type WatcherDraft } from "./watcher-draft";

const ACTIONS: Record<Action, string> = {
  python: "Run Python",
  glyph_execute: "Run a glyph of the canvas",
  plugin_execute: "Run a handler",
  webhook: "Call an address (webhook)",
};
const EXAMPLES = { subjects: "sample-1, sample-2", predicates: "sequence:new", contexts: "lab", actors: "glyph:…, did:key:…" };

interface WatcherFormProps {
  watcher?: Watcher;
  close: () => void;
  done: (watcher: Watcher) => void;
}

export function WatcherForm({ watcher, close, done }: WatcherFormProps) {
  const draft = useSignal<WatcherDraft>(watcher ? draftOf(watcher) : NEW);
  const wrong = useSignal<ReturnType<typeof problems>>({});
  const busy = useSignal(false);
  const now = draft.value;
  const set = (changed: Partial<WatcherDraft>) => {
    draft.value = { ...draft.value, ...changed };
    const [field] = Object.keys(changed) as (keyof WatcherDraft)[];
    if (field && wrong.value[field]) wrong.value = { ...wrong.value, [field]: undefined };
  };
  const text = (field: keyof WatcherDraft, placeholder = "") => (
    <input value={now[field]} placeholder={placeholder} spellcheck={false} autocomplete="off" aria-invalid={wrong.value[field] !== undefined}
      onInput={(event) => set({ [field]: event.currentTarget.value })} />
  ); // prettier-ignore
  const submit = async (event: Event) => {
    event.preventDefault();
    wrong.value = problems(now);
    const form = event.currentTarget;
    if (Object.keys(wrong.value).length > 0) return toFault(form);
    if (busy.value) return;
    busy.value = true;
    try {
      const body = bodyOf(now);
      const saved = watcher
        ? await ask<Watcher>("PUT", path`/api/watchers/${watcher.id}`, body)
        : await ask<Watcher>("POST", "/api/watchers", { ...body, id: crypto.randomUUID() });
      say(watcher ? `${saved.name} is changed.` : `${saved.name} watches from now on.`);
      done(saved);
      close();
    } catch (error) {
      const field = error instanceof Refusal ? fieldOf(now, error.field) : "name";
      wrong.value = { [field]: fault(error) };
      toFault(form);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog title={watcher ? `Change ${watcher.name}` : "New watcher"} close={close} wide>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <Field label="Name" wrong={wrong.value.name}>{text("name", "count new sequences")}</Field>
        <fieldset>
          <legend>Fires for each attestation that has</legend>
          <div class="fields">
            {TERMS.map((field) => <Field key={field} label={field} wrong={wrong.value[field]}>{text(field, EXAMPLES[field])}</Field>)}
          </div>
          <p class="muted">Any of the terms in a field, separated by commas; all of the fields that are filled.</p>
        </fieldset>
        <fieldset>
          <legend>And then</legend>
          <div class="fields">
            <Field label="Action">
              <select value={now.action} onChange={(event) => set({ action: event.currentTarget.value as Action })}>
                {Object.entries(ACTIONS).map(([action, words]) => <option key={action} value={action}>{words}</option>)}
              </select>
            </Field>
            <Does draft={now} wrong={wrong.value} set={set} text={text} />
            <Field label="At most, a second" wrong={wrong.value.rate}>{text("rate")}</Field>
          </div>
          {now.action === "python" && (
            <div class="field">
              <span>Code</span>
              <Code text={now.code} label="Code" hint="print(upstream.subjects)   # upstream is the attestation" changed={(code) => set({ code })} />
              {wrong.value.code && <small class="wrong" role="alert">{wrong.value.code}</small>}
            </div>
          )}
        </fieldset>
        <footer>
          <Button onClick={close}>Cancel</Button>
          <Button kind="main" submit disabled={busy.value}>{watcher ? "Save" : "Create"}</Button>
        </footer>
      </form>
    </Dialog>
  );
} // prettier-ignore

interface DoesProps {
  draft: WatcherDraft;
  wrong: ReturnType<typeof problems>;
  set: (changed: Partial<WatcherDraft>) => void;
  text: (field: keyof WatcherDraft, placeholder?: string) => preact.JSX.Element;
}

function Does({ draft, wrong, set, text }: DoesProps) {
  const handlers = useAsked(handlerNames, []);
  const pick = (field: "symbol" | "glyph" | "handler", options: [string, string][]) => (
    <select value={draft[field]} aria-invalid={wrong[field] !== undefined} onChange={(event) => set({ [field]: event.currentTarget.value })}>
      {field !== "symbol" && <option value="">Choose…</option>}
      {options.map(([value, words]) => <option key={value} value={value}>{words}</option>)}
    </select>
  ); // prettier-ignore
  if (draft.action === "webhook") return <Field label="Address" wrong={wrong.url}>{text("url", "https://…")}</Field>;
  if (draft.action === "plugin_execute")
    return <Field label="Handler" wrong={wrong.handler}>{pick("handler", (handlers.value.value ?? []).map((name) => [name, name]))}</Field>;
  if (draft.action === "glyph_execute") {
    const python = glyphs().filter((glyph) => glyph.symbol !== "ix");
    return <Field label="Glyph" wrong={wrong.glyph}>{pick("glyph", python.map((glyph) => [glyph.id, `${glyph.title || "untitled"} (${glyph.symbol})`]))}</Field>;
  }
  return <Field label="In" wrong={wrong.symbol}>{pick("symbol", kinds.value.map(({ symbol, title }) => [symbol, `${symbol}: ${title}`]))}</Field>;
} // prettier-ignore
