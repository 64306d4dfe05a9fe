/** Short messages in the corner: what was done, or what went wrong. */

import { signal } from "@preact/signals";

export interface Notice {
  number: number;
  kind: "done" | "wrong";
  text: string;
}

const SHOWN_MS = { done: 6000, wrong: 12000 };

export const notices = signal<Notice[]>([]);
let last = 0;

export function say(text: string): void {
  add("done", text);
}

export function complain(text: string): void {
  add("wrong", text);
}

export function dismiss(number: number): void {
  notices.value = notices.value.filter((notice) => notice.number !== number);
}

function add(kind: Notice["kind"], text: string): void {
  const number = ++last;
  notices.value = [...notices.value.filter((notice) => notice.text !== text).slice(-3), { number, kind, text }];
  window.setTimeout(() => dismiss(number), SHOWN_MS[kind]);
}
