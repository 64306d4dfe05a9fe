/** What caused what: how an attestation names where it came from, and what came of it. */

import { ask, path } from "../api/client";
import type { Attestation, Watcher } from "../api/shapes";

export interface Consequence {
  watcher: Watcher;
  error: string;
  at_ms: number;
}

const FIRES = 10;
const BEFORE = 10;

/** The firings that this attestation set off, as far as the watchers remember. */
export async function consequences(attestation: Attestation): Promise<Consequence[]> {
  const watchers = await ask<Watcher[]>("GET", `/api/watchers?fires=${FIRES}`);
  return watchers.flatMap((watcher) =>
    (watcher.recent_fires ?? [])
      .filter((fire) => fire.attestation_id === attestation.id)
      .map((fire) => ({ watcher, error: fire.error, at_ms: fire.at_ms })),
  );
}

/**
 * The attestations whose firing was running when this one was filed, by a handler that leaves its name in the contexts or
 * a glyph that leaves its own among the actors: the newest first, each the cause of the one before it.
 */
export async function causes(attestation: Attestation): Promise<Attestation[]> {
  const watchers = await ask<Watcher[]>("GET", `/api/watchers?fires=${FIRES}`);
  const chain: Attestation[] = [];
  let effect: Attestation | undefined = attestation;
  while (effect && chain.length < BEFORE) {
    const cause: string | undefined = firedBy(effect, watchers);
    if (!cause || chain.some((each) => each.id === cause)) break;
    effect = await ask<Attestation>("GET", path`/api/attestations/${cause}`);
    chain.push(effect);
  }
  return chain;
}

/** Which attestation set off the run that left its mark on this one: of those that fit, the one nearest in time. */
function firedBy(effect: Attestation, watchers: Watcher[]): string | undefined {
  const marks = [...effect.contexts, ...effect.actors];
  const at = Date.parse(effect.created_at);
  const fires = watchers
    .filter((watcher) => marks.some((mark) => marked(watcher, mark)))
    .flatMap((watcher) => watcher.recent_fires ?? [])
    .filter((fire) => fire.attestation && fire.attestation_id !== effect.id && Date.parse(String(fire.attestation.created_at)) <= at);
  return fires.sort((one, other) => Math.abs(one.at_ms - at) - Math.abs(other.at_ms - at))[0]?.attestation_id;
} // prettier-ignore

/** A handler leaves its name among the contexts, a glyph its own among the actors. */
function marked(watcher: Watcher, mark: string): boolean {
  if (mark.startsWith("glyph:")) return watcher.action_data.includes(mark.slice(6));
  const named = /"handler_name":\s*"([^"]+)"/.exec(watcher.action_data)?.[1] ?? "";
  const parts = named.split(/[./]/);
  // A bare name is the handler's own; otherwise the plugin's comes first.
  return parts.slice(parts.length > 1 ? 1 : 0).includes(mark);
}
