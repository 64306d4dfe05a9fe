/** Something asked of the host, asked again when it changes, with the reason where it could not be had. */

import { useSignal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { reason } from "../api/client";
import { on, onReturn, type Kind } from "../api/live";

export interface Asked<T> {
  value: Signal<T | null>;
  wrong: Signal<string>;
  again: () => void;
}

const SETTLE_MS = 250;

/** Asked anew when a key changes, and a moment after such an event. */
export function useAsked<T>(question: () => Promise<T>, keys: unknown[], events: Kind[] = []): Asked<T> {
  const value = useSignal<T | null>(null);
  const wrong = useSignal("");
  const turn = useSignal(0);
  useEffect(() => {
    let left = false;
    question().then(
      (answer) => {
        if (left) return;
        value.value = answer;
        wrong.value = "";
      },
      (error: unknown) => left || (wrong.value = reason(error)),
    );
    return () => {
      left = true;
    };
  }, [turn.value, ...keys]);
  useEffect(() => {
    let due = 0;
    const soon = () => (due ||= window.setTimeout(() => ((due = 0), (turn.value += 1)), SETTLE_MS));
    const ends = [onReturn(soon), ...events.map((kind) => on(kind, soon))];
    return () => {
      window.clearTimeout(due);
      for (const end of ends) end();
    };
  }, []);
  return { value, wrong, again: () => (turn.value += 1) };
}
