/** What happens in the host, as it happens: one connection that everything on the page listens to. */

import { signal } from "@preact/signals";
import { listen } from "./events";

export type Kind = "job" | "plugin" | "firing" | "glyph_fired";

const KINDS: Kind[] = ["job", "plugin", "firing", "glyph_fired"];
const listeners = new Map<Kind, Set<(data: unknown) => void>>(KINDS.map((kind) => [kind, new Set()]));

/** Whether the host is there. */
export const connected = signal(true);

export function connect(): void {
  const tell = (kind: Kind) => (data: unknown) => {
    for (const listener of listeners.get(kind)!) listener(data);
  };
  listen(`/api/events?kinds=${KINDS.join(",")}`, {
    on: Object.fromEntries(KINDS.map((kind) => [kind, tell(kind)])),
    state: (now) => (connected.value = now),
  });
}

/** Calls that whenever the host is there again: what it said meanwhile was not heard. */
export function onReturn(act: () => void): () => void {
  let away = false;
  return connected.subscribe((now) => {
    if (now && away) act();
    away = !now;
  });
}

/** Returns what ends it. */
export function on<T>(kind: Kind, listener: (data: T) => void): () => void {
  const known = listeners.get(kind)!;
  known.add(listener as (data: unknown) => void);
  return () => known.delete(listener as (data: unknown) => void);
}
