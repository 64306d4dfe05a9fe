/** Glyphs that are placed, changed and removed in other windows, as it happens. */

import { reason } from "../api/client";
import { on, onReturn } from "../api/live";
import { complain } from "../shell/notices";
import { all, gone, keptIds, loaded, look, upToDate } from "./glyphs";

interface Changed {
  glyph_id: string;
  /** None where it is not there any more. */
  version: string;
}

export function followCanvas(): void {
  const fail = (error: unknown) => complain(reason(error));
  const early = new Set<string>();
  on<Changed>("glyph", ({ glyph_id: id, version }) => {
    if (!loaded.value) early.add(id);
    else if (!version) gone(id);
    else if (!upToDate(id, version)) look(id, version).catch(fail);
  });
  // What was told while the canvas was being read may have come too late for that.
  loaded.subscribe((now) => {
    if (now) for (const id of early) look(id).catch(fail);
  });
  onReturn(() => void everything().catch(fail));
}

async function everything(): Promise<void> {
  const there = await all();
  const ids = new Set(there.map(({ id }) => id));
  const changed = there.filter(({ id, version }) => !upToDate(id, version)).map(({ id }) => id);
  // Each is asked for in its turn: what is being saved from here is newer than what was told.
  await Promise.all([...changed, ...keptIds().filter((id) => !ids.has(id))].map((id) => look(id)));
}
