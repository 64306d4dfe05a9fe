/** What happens in the host, as it happens: one connection that everything on the page listens to. */

import { signal } from "@preact/signals";

export type Kind = "job" | "plugin" | "firing";

const KINDS: Kind[] = ["job", "plugin", "firing"];
const listeners = new Map<Kind, Set<(data: unknown) => void>>(KINDS.map((kind) => [kind, new Set()]));

/** Whether the host is there. */
export const connected = signal(true);

export function connect(): void {
  const source = new EventSource(`/api/events?kinds=${KINDS.join(",")}`);
  source.onopen = () => (connected.value = true);
  source.onerror = () => (connected.value = false);
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      const data: unknown = JSON.parse((event as MessageEvent<string>).data);
      for (const listener of listeners.get(kind)!) listener(data);
    });
  }
}

/** Returns what ends it. */
export function on<T>(kind: Kind, listener: (data: T) => void): () => void {
  const known = listeners.get(kind)!;
  known.add(listener as (data: unknown) => void);
  return () => known.delete(listener as (data: unknown) => void);
}
