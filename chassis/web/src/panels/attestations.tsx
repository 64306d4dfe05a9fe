/** Attestations: filtered, followed as they come, each with its details. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { reason, send } from "../api/client";
import { listen } from "../api/events";
import { lines } from "../api/stream";
import type { Attestation } from "../api/shapes";
import { chosen, go } from "../shell/route";
import { Empty } from "../ui/empty";
import { Time } from "../ui/time";
import { VirtualList } from "../ui/virtual-list";
import { AttestationDetail } from "./attestation-detail";
import { EVERYTHING, FIELDS, query, type Wanted } from "./attestation-filter";
import { Panel } from "./panel";

const LIMIT = 10_000;
const SETTLE_MS = 250;
const CHUNK = 500;

export function Attestations() {
  const wanted = useSignal<Wanted>(EVERYTHING);
  const following = useSignal(true);
  const found = useSignal<Attestation[]>([]);
  const wrong = useSignal("");
  const loaded = useSignal(false);
  const returns = useSignal(0);
  // Since the list was asked for: what is on its way may be of before.
  const arrived = useRef<Attestation[]>([]);

  useEffect(() => {
    const stop = new AbortController();
    const read = async () => {
      wrong.value = "";
      arrived.current = [];
      const response = await send("GET", `/api/attestations?${query(wanted.value, { limit: String(LIMIT) })}`, undefined, { accept: "application/x-ndjson", signal: stop.signal });
      const all: Attestation[] = [];
      for await (const line of lines(response)) {
        all.push(JSON.parse(line) as Attestation);
        if (all.length % CHUNK === 0) found.value = [...all];
      }
      found.value = arrived.current.reduceRight(joined, all);
      loaded.value = true;
    };
    const due = window.setTimeout(() => read().catch((error: unknown) => stop.signal.aborted || (wrong.value = reason(error))), loaded.value ? SETTLE_MS : 0);
    return () => {
      window.clearTimeout(due);
      stop.abort();
    };
  }, [wanted.value, returns.value]); // prettier-ignore

  useEffect(() => {
    if (!following.value) return;
    const arrives = (data: unknown) => {
      arrived.current = [data as Attestation, ...arrived.current].slice(0, LIMIT);
      found.value = joined(found.value, data as Attestation);
    };
    let away = false;
    const state = (now: boolean) => {
      if (now && away) returns.value += 1;
      away = !now;
    };
    return listen(`/api/events?${query(wanted.value, { kinds: "attestation" })}`, { on: { attestation: arrives }, state });
  }, [following.value, wanted.value]);

  const follow = (now: boolean) => {
    following.value = now;
    if (now) returns.value += 1;
  };
  const controls = (
    <label class="check">
      <input type="checkbox" checked={following.value} onChange={(event) => follow(event.currentTarget.checked)} /> Follow
    </label>
  ); // prettier-ignore
  const filter = (
    <form class="filter" role="search" aria-label="Filter attestations" onSubmit={(event) => event.preventDefault()}>
      {FIELDS.map((field) => (
        <input key={field} type="search" aria-label={field} placeholder={field === "since" ? "since: 3 days ago" : field} value={wanted.value[field]}
          onInput={(event) => (wanted.value = { ...wanted.value, [field]: event.currentTarget.value })} />
      ))}
    </form>
  ); // prettier-ignore
  const list = (
    <>
      {filter}
      {wrong.value && <p class="wrong pad">{wrong.value}</p>}
      {loaded.value && found.value.length === 0 && !wrong.value ? (
        <Empty icon="attestations" title={query(wanted.value) ? "No attestation matches" : "No attestations yet"}>
          <p>Scripts make them with <code>attest(subjects, predicates)</code>. Terms are whole; several are separated by commas.</p>
        </Empty>
      ) : (
        <VirtualList items={found.value} label="Attestations" rowHeight={56} keyOf={(each) => each.id} chosen={chosen.value}
          choose={(each) => go("attestations", each.id)} row={(each) => <Row attestation={each} />} />
      )}
    </>
  ); // prettier-ignore
  const count = found.value.length;
  const note = loaded.value && (count === LIMIT ? `the latest ${LIMIT.toLocaleString()}` : count.toLocaleString());
  const detail = chosen.value && <AttestationDetail key={chosen.value} id={chosen.value} find={(changed) => (wanted.value = { ...EVERYTHING, ...changed })} />;
  return <Panel title="Attestations" note={note} controls={controls} list={list} detail={detail} />;
}

/** The list with that one before the others, unless it is there. */
function joined(list: Attestation[], one: Attestation): Attestation[] {
  return list.some((each) => each.id === one.id) ? list : [one, ...list].slice(0, LIMIT);
}

function Row({ attestation: { subjects, predicates, contexts, timestamp } }: { attestation: Attestation }) {
  return (
    <>
      <span class="row-main">
        <b>{subjects.join(", ")}</b>
        <span class="one-line"><span class="predicate">{predicates.join(", ")}</span> <span class="muted">{contexts.join(", ")}</span></span>
      </span>
      <span class="row-side"><span class="muted"><Time at={timestamp} /></span></span>
    </>
  );
} // prettier-ignore
