/** One handler: what sets it off, its code, its last runs; and a run of it. */

import { useSignal } from "@preact/signals";
import { ask, path, reason } from "../api/client";
import type { Attestation, Handler, Job } from "../api/shapes";
import { Code } from "../python/code";
import { PlainText } from "../results/plain-text";
import { complain } from "../shell/notices";
import { go } from "../shell/route";
import { Button } from "../ui/button";
import { Status } from "../ui/status";
import { duration, Time } from "../ui/time";
import { useAsked } from "./loading";
import { Facts } from "./panel";

export interface Found {
  plugin: string;
  handler: Handler;
}

export function HandlerDetail({ found: { plugin, handler }, ran }: { found: Found; ran: () => void }) {
  const busy = useSignal(false);
  const published = useAsked(() => ask<Attestation>("GET", path`/api/attestations/${handler.attestation_id}`), []);
  const code = published.value.value?.attributes?.code;
  const run = async () => {
    busy.value = true;
    try {
      const job = await ask<Job>("POST", "/api/pulse/jobs", { handler_name: `${plugin}/${handler.handler_name}`, source: `page: ${handler.name}` });
      ran();
      go("jobs", job.id);
    } catch (error) {
      complain(reason(error));
      busy.value = false;
    }
  };
  return (
    <>
      <h2>{handler.name}</h2>
      <div class="detail-actions">
        <Status of={handler.status} />
        <span class="spring" />
        <Button kind="main" icon="run" needs="run" disabled={busy.value || handler.fault !== ""} onClick={() => void run()}>Run</Button>
      </div>
      {handler.description && <p>{handler.description}</p>}
      {handler.fault && <PlainText kind="wrong" text={handler.fault} />}
      <Facts facts={[
        ["Published", <Time at={handler.published_at_ms} />],
        ["Runs", `${handler.runs}${handler.failures ? `, ${handler.failures} failed` : ""}`],
        ["Name", <code>{plugin}/{handler.handler_name}</code>],
      ]} />
      {handler.functions.length > 0 && <h3>Set off by</h3>}
      <ul class="plain">
        {handler.functions.map((each) => (
          <li key={each.name}>
            <code>{each.name}</code> <span class="muted">{triggers(each)}</span>
          </li>
        ))}
      </ul>
      {handler.last_runs.length > 0 && <h3>Last runs</h3>}
      <ul class="plain">
        {handler.last_runs.map((each) => (
          <li key={each.execution_id}>
            <Status of={each.outcome} tone={each.outcome === "finished" ? "good" : "bad"} /> <Time at={each.ended_at_ms} />{" "}
            <span class="muted">{duration(each.duration_ms)} {each.error}</span>
          </li>
        ))}
      </ul>
      {typeof code === "string" && <><h3>Code</h3><Code text={code} label={`Code of ${handler.name}`} readOnly /></>}
    </>
  );
} // prettier-ignore

function triggers(each: Handler["functions"][number]): string {
  const watches = each.watches.map((watch) => `${watch.predicates.join(", ")}${watch.contexts.length ? ` in ${watch.contexts.join(", ")}` : ""}`);
  return [...watches, ...each.every_seconds.map((seconds) => `every ${duration(seconds * 1000)}`)].join("; ") || "by name";
} // prettier-ignore
