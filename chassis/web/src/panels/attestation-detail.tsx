/** One attestation: all it says, whether its signature holds, and what caused what. */

import { ask, path } from "../api/client";
import type { Attestation } from "../api/shapes";
import { copy } from "../results/download";
import { JsonTree } from "../results/json-tree";
import { IconButton } from "../ui/button";
import { Status } from "../ui/status";
import { Time } from "../ui/time";
import type { Wanted } from "./attestation-filter";
import { causes, consequences } from "./causes";
import { useAsked } from "./loading";
import { Facts } from "./panel";

export function AttestationDetail({ id, find }: { id: string; find: (wanted: Partial<Wanted>) => void }) {
  const { value, wrong } = useAsked(() => ask<Attestation>("GET", path`/api/attestations/${id}`), [id]);
  const signature = useAsked(() => ask<{ valid: boolean }>("GET", path`/api/attestations/${id}/verification`), [id]);
  const attestation = value.value;
  if (!attestation) return wrong.value ? <p class="wrong">{wrong.value}</p> : <p class="muted loading">Loading…</p>;
  const terms = (field: keyof Wanted, texts: string[]) =>
    texts.length > 0 && texts.map((text) => <button key={text} type="button" class="term" title={`Find others with this ${field}`} onClick={() => find({ [field]: text })}>{text}</button>);
  const valid = signature.value.value?.valid;
  return (
    <>
      <h2>{attestation.subjects.join(", ")}</h2>
      <div class="detail-actions">
        {valid !== undefined && <Status of={valid ? "signature holds" : "signature does not hold"} tone={valid ? "good" : "bad"} />}
        <span class="spring" />
        <IconButton icon="copy" label="Copy as JSON" onClick={() => void copy(JSON.stringify(attestation, null, 2))} />
      </div>
      <Facts facts={[
        ["Subjects", terms("subject", attestation.subjects)],
        ["Predicates", terms("predicate", attestation.predicates)],
        ["Contexts", terms("context", attestation.contexts)],
        ["Actors", terms("actor", attestation.actors)],
        ["When", <Time at={attestation.timestamp} />],
        ["Source", attestation.source],
        ["Id", <code>{attestation.id}</code>],
        ["Signed by", attestation.signer_did ? <code class="break">{attestation.signer_did}</code> : ""],
      ]} />
      {attestation.attributes && <><h3>Attributes</h3><JsonTree value={attestation.attributes} /></>}
      <Chain attestation={attestation} />
    </>
  );
} // prettier-ignore

function Chain({ attestation }: { attestation: Attestation }) {
  const before = useAsked(() => causes(attestation), [attestation.id], ["firing"]);
  const after = useAsked(() => consequences(attestation), [attestation.id], ["firing"]);
  const caused = before.value.value ?? [];
  const set = after.value.value ?? [];
  if (caused.length + set.length === 0) return null;
  return (
    <>
      <h3>What caused what</h3>
      <ol class="chain">
        {caused.toReversed().map((each) => (
          <li key={each.id}>
            <a href={`#/attestations/${encodeURIComponent(each.id)}`}>{each.subjects.join(", ")}</a> <span class="predicate">{each.predicates.join(", ")}</span>
          </li>
        ))}
        <li aria-current="true"><b>{attestation.subjects.join(", ")}</b> <span class="predicate">{attestation.predicates.join(", ")}</span></li>
        {set.map(({ watcher, error, at_ms }) => (
          <li key={`${watcher.id}-${at_ms}`}>
            set off <a href={`#/watchers/${encodeURIComponent(watcher.id)}`}>{watcher.name || watcher.id}</a>{" "}
            <Status of={error ? "failed" : "ok"} /> <span class="muted"><Time at={at_ms} /></span>
          </li>
        ))}
      </ol>
    </>
  );
} // prettier-ignore
