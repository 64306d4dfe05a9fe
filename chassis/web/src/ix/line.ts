/** What is typed after `ix`. Pure. */

import type { Script } from "../api/shapes";

export interface Suggestion {
  type: string;
  about: string;
}

/** The first word, which is the type; `ix` itself may be typed before it. */
export function typed(line: string): string {
  return line.trim().replace(/^ix\s+/, "").split(/\s+/)[0] ?? "";
}

export function written(line: string): string {
  const rest = line.trim().replace(/^ix\s+/, "");
  return `ix ${rest}`;
}

const BY_ITSELF: Suggestion[] = [{ type: "https://…", about: "an address is cloned as git" }];

/** Scripts whose name begins with, or has, what is typed; while nothing is, all of them. */
export function suggestions(scripts: Script[], line: string): Suggestion[] {
  const text = line.replace(/^\s*(ix\s+)?/, "");
  if (/\s/.test(text)) return [];
  const found = scripts.filter((script) => script.name.includes(text));
  found.sort((one, other) => Number(other.name.startsWith(text)) - Number(one.name.startsWith(text)) || one.name.localeCompare(other.name));
  const told = found.map((script) => ({ type: script.name, about: about(script) }));
  return text ? told : [...told, ...BY_ITSELF];
}

export function examples(scripts: Script[]): string {
  const names = scripts.slice(0, 2).map((script) => `${script.name} data.${script.name}`);
  return ["ix", names.join(", or ") || "TYPE INPUT"].join(" ");
}

function about(script: Script): string {
  const summary = script.description || /^\s*(?:"""|''')([^\n"']+)/.exec(script.code)?.[1] || "";
  const version = script.version ? `version ${script.version}` : "built in";
  return [summary.trim(), script.glyph, version].filter(Boolean).join(" · ");
}
