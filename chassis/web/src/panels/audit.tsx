/** The audit trail: every run's sealed capsule, and whether the chain holds. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask, reason, Refusal, send } from "../api/client";
import type { Capsule } from "../api/shapes";
import { termName } from "../canvas/glyphs";
import { copy } from "../results/download";
import { chosen, go } from "../shell/route";
import { Button, IconButton } from "../ui/button";
import { Empty } from "../ui/empty";
import { Status } from "../ui/status";
import { Time } from "../ui/time";
import { VirtualList } from "../ui/virtual-list";
import { CapsuleDetail } from "./capsule-detail";
import { Panel } from "./panel";
import { Verification, type Verdict } from "./verification";

const PAGE = 100;

export function Audit() {
  const found = useSignal<Capsule[]>([]);
  const total = useSignal<number | null>(null);
  const wrong = useSignal("");
  const absent = useSignal(false);
  const verdict = useSignal<Verdict | null>(null);
  const busy = useSignal(false);
  const checkpoint = useSignal("");

  const doing = async (work: () => Promise<void>) => {
    busy.value = true;
    wrong.value = "";
    await work().catch((error: unknown) => {
      absent.value = error instanceof Refusal && error.status === 404;
      if (!absent.value) wrong.value = reason(error);
    });
    busy.value = false;
  };
  const more = () =>
    doing(async () => {
      const page = await ask<{ capsules: Capsule[]; total: number }>("GET", `/api/v1/capsules/?limit=${PAGE}&offset=${found.value.length}`);
      found.value = [...found.value, ...page.capsules];
      total.value = page.total;
    });
  const verify = (level: string) => () =>
    void doing(async () => {
      verdict.value = await ask<Verdict>("GET", `/api/v1/capsules/verify?level=${level}&incremental=false`);
    });
  const state = () =>
    void doing(async () => {
      checkpoint.value = await (await send("GET", "/api/v1/capsules/checkpoint", undefined, { accept: "text/plain" })).text();
    });
  useEffect(() => void more(), []);

  const looked = found.value.find((capsule) => capsule.id === chosen.value);
  const controls = (
    <>
      <Button disabled={busy.value} onClick={state}>Checkpoint</Button>
      <Button kind="main" disabled={busy.value} onClick={verify("signatures")}>Verify</Button>
    </>
  ); // prettier-ignore
  const list = absent.value ? (
    <Empty icon="audit" title="This host keeps no audit trail" />
  ) : total.value === 0 ? (
    <Empty icon="audit" title="Nothing has run yet"><p>Every run leaves one sealed capsule here.</p></Empty>
  ) : (
    <>
      {wrong.value && <p class="wrong pad" role="alert">{wrong.value}</p>}
      {verdict.value && <Verification verdict={verdict.value} />}
      {checkpoint.value && (
        <div class="checkpoint">
          <pre class="text">{checkpoint.value}</pre>
          <IconButton icon="copy" label="Copy checkpoint" onClick={() => void copy(checkpoint.value)} />
        </div>
      )}
      <VirtualList items={found.value} label="Capsules" rowHeight={56} keyOf={(capsule) => capsule.id} chosen={chosen.value}
        choose={(capsule) => go("audit", capsule.id)} row={(capsule) => <Row capsule={capsule} />} />
      {total.value !== null && found.value.length < total.value && (
        <p class="pad"><Button disabled={busy.value} onClick={() => void more()}>Show more</Button></p>
      )}
    </>
  ); // prettier-ignore
  const note = total.value === null ? "" : `${total.value.toLocaleString()} capsules`;
  return <Panel title="Audit" note={note} controls={controls} list={list} detail={chosen.value && <CapsuleDetail key={chosen.value} id={chosen.value} listed={looked} />} />;
}

function Row({ capsule }: { capsule: Capsule }) {
  return (
    <>
      <span class="row-main">
        <b>{termName(capsule.trigger.source) || capsule.type}</b>
        <span class="muted one-line">{capsule.outcome.summary}</span>
      </span>
      <span class="row-side">
        <span><span class="muted">#{capsule.sequence}</span> <span class="kind">{capsule.context.agent_id}</span> <Status of={capsule.outcome.status} /></span>
        <span class="muted"><Time at={capsule.trigger.timestamp} /></span>
      </span>
    </>
  );
} // prettier-ignore
