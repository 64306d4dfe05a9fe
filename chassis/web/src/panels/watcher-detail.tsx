/** One watcher: what it waits for, what it does, and what set it off last. */

import { useSignal } from "@preact/signals";
import { ask, path, reason } from "../api/client";
import type { Watcher } from "../api/shapes";
import { PlainText } from "../results/plain-text";
import { complain } from "../shell/notices";
import { go } from "../shell/route";
import { Button } from "../ui/button";
import { Status } from "../ui/status";
import { Time } from "../ui/time";
import { useAsked } from "./loading";
import { Facts } from "./panel";
import { WatcherForm } from "./watcher-form";
import { wanted } from "./watchers";

const FIRES = 10;

export function WatcherDetail({ id, changed }: { id: string; changed: () => void }) {
  const { value, wrong, again } = useAsked(() => ask<Watcher>("GET", path`/api/watchers/${id}?fires=${FIRES}`), [id], ["firing"]);
  const changing = useSignal(false);
  const watcher = value.value;
  if (!watcher) return wrong.value ? <p class="wrong">{wrong.value}</p> : <p class="muted loading">Loading…</p>;
  const act = async (work: Promise<unknown>) => {
    await work.catch((error: unknown) => complain(reason(error)));
    again();
    changed();
  };
  const remove = () => void act(ask("DELETE", path`/api/watchers/${id}`).then(() => go("watchers")));
  return (
    <>
      <h2>{watcher.name || watcher.id}</h2>
      <div class="detail-actions">
        <Status of={watcher.enabled ? "enabled" : "paused"} />
        <span class="spring" />
        <Button needs="run" onClick={() => void act(ask("PUT", path`/api/watchers/${id}`, { enabled: !watcher.enabled }))}>{watcher.enabled ? "Pause" : "Resume"}</Button>
        {!watcher.plugin && <Button icon="pencil" needs="run" onClick={() => (changing.value = true)}>Change</Button>}
        {!watcher.plugin && <Button kind="danger" needs="run" onClick={remove}>Delete</Button>}
      </div>
      <Facts facts={[
        ["Waits for", wanted(watcher)],
        ["Does", DOES[watcher.action_type](watcher.glyph)],
        ["Declared by", watcher.plugin],
        ["Fired", String(watcher.fire_count)],
        ["At most", `${watcher.max_fires_per_second} a second`],
        ["Waiting", watcher.waiting ? `${watcher.waiting}${watcher.waits_for ? `, for ${watcher.waits_for}` : ""}` : ""],
        ["Last fired", <Time at={watcher.last_fired_at} />],
      ]} />
      <h3>Action</h3>
      <PlainText text={watcher.action_data} />
      {watcher.last_error && <><h3>Last error</h3><PlainText kind="wrong" text={watcher.last_error} /></>}
      {(watcher.recent_fires ?? []).length > 0 && <h3>Fired by</h3>}
      <ul class="plain">
        {(watcher.recent_fires ?? []).map((fire) => (
          <li key={`${fire.at_ms}-${fire.attestation_id}`}>
            <Status of={fire.error ? "failed" : "ok"} /> <Time at={fire.at_ms} />{" "}
            <a href={`#/attestations/${encodeURIComponent(fire.attestation_id)}`}>{fire.attestation_id}</a>
            {fire.error && <PlainText kind="wrong" text={fire.error} />}
            {fire.output && <PlainText text={fire.output} />}
          </li>
        ))}
      </ul>
      {changing.value && <WatcherForm watcher={watcher} close={() => (changing.value = false)} done={() => {
        again();
        changed();
      }} />}
    </>
  );
} // prettier-ignore

const DOES: Record<Watcher["action_type"], (glyph: string) => string> = {
  python: (glyph) => `runs Python in ${glyph}`,
  glyph_execute: () => "runs a glyph of the canvas",
  plugin_execute: () => "runs a handler",
  webhook: () => "calls an address",
};
