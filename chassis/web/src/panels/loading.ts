/** Something asked of the host, asked again when it changes, with the reason where it could not be had. */

import { useSignal, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
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
  // However fast things happen, each answer that was waited for is shown before the next is asked for.
  const asking = useRef(false);
  const stale = useRef(false);
  useEffect(() => {
    let left = false;
    asking.current = true;
    stale.current = false;
    const answered = (found: T | null, fault: string) => {
      if (left) return;
      if (found !== null) value.value = found;
      wrong.value = fault;
      asking.current = false;
      if (stale.current) turn.value += 1;
    };
    question().then((answer) => answered(answer, ""), (error: unknown) => answered(null, reason(error)));
    return () => {
      left = true;
    };
  }, [turn.value, ...keys]);
  useEffect(() => {
    let due = 0;
    const look = () => {
      due = 0;
      if (asking.current) stale.current = true;
      else turn.value += 1;
    };
    const soon = () => (due ||= window.setTimeout(look, SETTLE_MS));
    const ends = [onReturn(soon), ...events.map((kind) => on(kind, soon))];
    return () => {
      window.clearTimeout(due);
      for (const end of ends) end();
    };
  }, []);
  return { value, wrong, again: () => (turn.value += 1) };
}
