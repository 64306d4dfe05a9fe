/** What happens in the host, as it happens: one connection that everything on the page listens to. */

import { signal } from "@preact/signals";
import { listen } from "./events";

const KINDS = ["job", "plugin", "firing", "glyph", "glyph_fired", "glyph_output"] as const;

export type Kind = (typeof KINDS)[number];

const listeners = new Map<Kind, Set<(data: unknown) => void>>(KINDS.map((kind) => [kind, new Set()]));
/** What is done once the host is heard again. */
const returns = new Set<() => void>();

/** Whether the host is there. */
export const connected = signal(true);

const HEARD_WITHIN_MS = 500;
let heard = false;
let late = false;
let opened: () => void;
const first = new Promise<void>((resolve) => (opened = resolve));

/** Resolves once the host is heard: what is asked from then on does not change unheard. Where that takes long, all is looked at again then. */
export function hearing(): Promise<void> {
  const waited = new Promise<void>((resolve) => window.setTimeout(resolve, HEARD_WITHIN_MS)).then(() => void (late = true));
  return Promise.race([first, waited]);
}

export function connect(): void {
  const tell = (kind: Kind) => (data: unknown) => {
    for (const listener of listeners.get(kind)!) listener(data);
  };
  const catchUp = () => {
    for (const act of returns) act();
  };
  listen(`/api/events?kinds=${KINDS.join(",")}`, {
    on: { ...Object.fromEntries(KINDS.map((kind) => [kind, tell(kind)])), missed: catchUp },
    state: (now) => {
      connected.value = now;
      if (!now) return;
      if (heard || late) catchUp();
      heard = true;
      opened();
    },
  });
}

/** Calls that whenever something the host said was not heard: it was away, or the page too slow. */
export function onReturn(act: () => void): () => void {
  returns.add(act);
  return () => returns.delete(act);
}

/** Returns what ends it. */
export function on<T>(kind: Kind, listener: (data: T) => void): () => void {
  const known = listeners.get(kind)!;
  known.add(listener as (data: unknown) => void);
  return () => known.delete(listener as (data: unknown) => void);
}
