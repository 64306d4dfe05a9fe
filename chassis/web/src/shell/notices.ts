/** Short messages in the corner: what was done, or what went wrong. */

import { signal } from "@preact/signals";

export interface Notice {
  number: number;
  kind: "done" | "wrong";
  text: string;
  action?: Action | undefined;
}

/** What can be done about it. */
export interface Action {
  label: string;
  act: () => void;
}

const SHOWN_MS = { done: 6000, wrong: 12000 };

export const notices = signal<Notice[]>([]);
let last = 0;

export function say(text: string, action?: Action): void {
  add("done", text, action);
}

export function complain(text: string, action?: Action): void {
  add("wrong", text, action);
}

export function dismiss(number: number): void {
  notices.value = notices.value.filter((notice) => notice.number !== number);
}

function add(kind: Notice["kind"], text: string, action?: Action): void {
  const number = ++last;
  notices.value = [...notices.value.filter((notice) => notice.text !== text).slice(-3), { number, kind, text, action }];
  window.setTimeout(() => dismiss(number), action ? SHOWN_MS.wrong : SHOWN_MS[kind]);
}
