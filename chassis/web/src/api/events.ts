/** Server-sent events that go on: after the host was away by themselves, after a login because this asks again. */

import { logins, look, signedOut } from "./session";

const AGAIN_MS = 2000;

export interface Listening {
  /** Each kind of event with what is done with its data. */
  on: Record<string, (data: unknown) => void>;
  /** Told whenever it is heard again, and when it is not any more. */
  state?: (connected: boolean) => void;
}

/** Returns what ends it. */
export function listen(url: string, { on, state }: Listening): () => void {
  let source: EventSource;
  let again = 0;
  let ended = false;
  const open = () => {
    if (ended) return;
    source = new EventSource(url);
    source.onopen = () => state?.(true);
    source.onerror = () => {
      // Only a refusal closes it for good; and who refuses is there.
      if (source.readyState === EventSource.CLOSED) again = window.setTimeout(() => void retry(), AGAIN_MS);
      else state?.(false);
    };
    for (const [kind, take] of Object.entries(on)) {
      source.addEventListener(kind, (event) => take(JSON.parse((event as MessageEvent<string>).data)));
    }
  };
  const retry = async () => {
    await look().catch(() => state?.(false));
    // Where one is not known, the next login opens it.
    if (!signedOut.value) open();
  };
  open();
  const enter = logins.subscribe((count) => {
    if (count === 0 || source.readyState === EventSource.OPEN) return;
    window.clearTimeout(again);
    source.close();
    open();
  });
  return () => {
    ended = true;
    enter();
    window.clearTimeout(again);
    source.close();
  };
}
