/** One capsule: what was run, with what outcome, its seal, and the proof that it is in the chain. */

import { useSignal } from "@preact/signals";
import { ask, path, reason } from "../api/client";
import type { Capsule } from "../api/shapes";
import { termName } from "../canvas/glyphs";
import { JsonTree } from "../results/json-tree";
import { copy } from "../results/download";
import { PlainText } from "../results/plain-text";
import { Button, IconButton } from "../ui/button";
import { Status } from "../ui/status";
import { duration, Time } from "../ui/time";
import { useAsked } from "./loading";
import { Facts } from "./panel";

export function CapsuleDetail({ id, listed }: { id: string; listed: Capsule | undefined }) {
  const { value, wrong } = useAsked(() => (listed ? Promise.resolve(listed) : ask<Capsule>("GET", path`/api/v1/capsules/${id}`)), [id]);
  const proof = useSignal<unknown>(null);
  const unproven = useSignal("");
  const capsule = value.value;
  if (!capsule) return wrong.value ? <p class="wrong">{wrong.value}</p> : <p class="muted loading">Loading…</p>;
  const prove = () =>
    ask("GET", path`/api/v1/capsules/${id}/proof`)
      .then((found) => (proof.value = found))
      .catch((error: unknown) => (unproven.value = reason(error)));
  const { trigger, outcome, execution } = capsule;
  return (
    <>
      <h2>{termName(trigger.source) || capsule.type}</h2>
      <div class="detail-actions">
        <Status of={outcome.status} />
        <span class="spring" />
        <Button onClick={() => void prove()}>Prove</Button>
        <IconButton icon="copy" label="Copy as JSON" onClick={() => void copy(JSON.stringify(capsule, null, 2))} />
      </div>
      <Facts facts={[
        ["Number", `${capsule.sequence} in the chain`],
        ["Plugin", capsule.context.agent_id],
        ["Set off by", trigger.source],
        ["Started", <Time at={trigger.timestamp} />],
        ["Took", duration(execution.duration_ms)],
        ["Hash", <code class="break">{capsule.hash}</code>],
        ["After", capsule.previous_hash ? <code class="break">{capsule.previous_hash}</code> : "nothing: it is the first"],
        ["Signed", capsule.signed_at ? <Time at={capsule.signed_at} /> : ""],
      ]} />
      {trigger.request && <><h3>Request</h3><PlainText text={trigger.request} /></>}
      {outcome.error && <><h3>Error</h3><PlainText kind="wrong" text={outcome.error} /></>}
      {proof.value !== null && <><h3>Proof</h3><JsonTree value={proof.value} /></>}
      {unproven.value && <p class="wrong">{unproven.value}</p>}
      <h3>Where it ran</h3>
      <JsonTree value={capsule.context.environment} />
      <details class="whole"><summary>The whole record</summary><JsonTree value={capsule} depth={1} /></details>
    </>
  );
} // prettier-ignore
