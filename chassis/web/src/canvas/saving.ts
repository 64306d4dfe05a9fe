/** Brings what changed to the host: a moment after, in order, again where that failed; and says how that stands. */

import { computed, signal } from "@preact/signals";
import { AWAY, reason, Refusal } from "../api/client";

const SAVE_AFTER_MS = 400;
const AGAIN_MS = 3000;

export type Keeping = "saved" | "saving" | "failed";

interface Saver {
  save: (id: string) => Promise<void>;
  /** The host will never take it: it says why. */
  refused: (id: string, error: Refusal) => void;
}

const due = new Map<string, number>();
const last = new Map<string, Promise<void>>();
const under = signal(new Map<string, Promise<void>>());
const waiting = signal(0);
const failing = signal("");

export const keeping = computed<Keeping>(() => {
  if (failing.value) return "failed";
  return waiting.value + under.value.size ? "saving" : "saved";
});
/** Why it is not saved. */
export const unkept = computed(() => failing.value);

export function soon(id: string, saver: Saver, after = SAVE_AFTER_MS): void {
  window.clearTimeout(due.get(id));
  due.set(id, window.setTimeout(() => void now(id, saver), after));
  waiting.value = due.size;
}

/** Resolves once the host has it, or has said why not. */
export async function now(id: string, saver: Saver): Promise<void> {
  forget(id);
  const saving = inTurn(id, () => saver.save(id));
  track(id, saving);
  try {
    await saving;
    failing.value = "";
  } catch (error) {
    const refusal = error instanceof Refusal ? error : new Refusal(0, reason(error));
    if (refusal.status === 0 || refusal.status >= 500 || refusal.status === 429) {
      failing.value = refusal.message || AWAY;
      soon(id, saver, AGAIN_MS);
    } else {
      failing.value = "";
      saver.refused(id, refusal);
    }
  }
}

export function forget(id: string): void {
  window.clearTimeout(due.get(id));
  due.delete(id);
  waiting.value = due.size;
}

export function overdue(): string[] {
  return [...due.keys()];
}

/** One thing at a time for each id: what is asked of the host later is answered later. */
export function inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
  const turn = (last.get(id) ?? Promise.resolve()).then(work);
  const done = turn.then(
    () => undefined,
    () => undefined,
  );
  last.set(id, done);
  return turn;
}

/** Something that is being kept, until it is. */
export function track(id: string, work: Promise<void>): void {
  under.value = new Map(under.value).set(id, work);
  const done = () => {
    if (under.value.get(id) !== work) return;
    const rest = new Map(under.value);
    rest.delete(id);
    under.value = rest;
  };
  work.then(done, done);
}
