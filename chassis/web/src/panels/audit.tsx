/** The audit trail: every run's sealed capsule, and whether the chain holds. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ask, reason, Refusal, send } from "../api/client";
import type { Capsule } from "../api/shapes";
import { termName } from "../canvas/glyphs";
import { copy } from "../results/download";
import { chosen, go } from "../shell/route";
import { Button, IconButton } from "../ui/button";
import { counted } from "../ui/count";
import { Empty } from "../ui/empty";
import { Status } from "../ui/status";
import { Time } from "../ui/time";
import { VirtualList } from "../ui/virtual-list";
import { CapsuleDetail } from "./capsule-detail";
import { Panel } from "./panel";
import { useAsked } from "./loading";
import { Verification, type Verdict } from "./verification";

const PAGE = 100;

export function Audit() {
  const newest = useAsked(() => page(0).catch(untrailed), [], ["job", "firing", "glyph_fired"]);
  const found = useSignal<Capsule[]>([]);
  const wrong = useSignal("");
  const verdict = useSignal<Verdict | null>(null);
  const busy = useSignal(false);
  const checkpoint = useSignal("");

  const doing = async (work: () => Promise<void>) => {
    busy.value = true;
    wrong.value = "";
    await work().catch((error: unknown) => (wrong.value = reason(error)));
    busy.value = false;
  };
  const more = () =>
    doing(async () => {
      found.value = joined(found.value, (await page(found.value.length)).capsules);
    });
  const verify = (level: string) => () =>
    void doing(async () => {
      verdict.value = await ask<Verdict>("GET", `/api/v1/capsules/verify?level=${level}&incremental=false`);
    });
  const state = () =>
    void doing(async () => {
      checkpoint.value = await (await send("GET", "/api/v1/capsules/checkpoint", undefined, { accept: "text/plain" })).text();
    });
  const now = newest.value.value;
  useEffect(() => {
    if (now) found.value = joined(now.capsules, found.value);
  }, [now]);

  const looked = found.value.find((capsule) => capsule.id === chosen.value);
  const controls = (
    <>
      <Button disabled={busy.value} onClick={state}>Checkpoint</Button>
      <Button kind="main" disabled={busy.value} onClick={verify("signatures")}>Verify</Button>
    </>
  ); // prettier-ignore
  const fault = wrong.value || newest.wrong.value;
  const list = now && !now.kept ? (
    <Empty icon="audit" title="This host keeps no audit trail" />
  ) : (
    <>
      {fault && <p class="wrong pad" role="alert">{fault}</p>}
      {verdict.value && <Verification verdict={verdict.value} />}
      {checkpoint.value && (
        <div class="checkpoint">
          <pre class="text">{checkpoint.value}</pre>
          <IconButton icon="copy" label="Copy checkpoint" onClick={() => void copy(checkpoint.value)} />
        </div>
      )}
      {now?.total === 0 ? (
        <Empty icon="audit" title="Nothing has run yet"><p>Every run leaves one sealed capsule here.</p></Empty>
      ) : (
        <VirtualList items={found.value} label="Capsules" rowHeight={56} keyOf={(capsule) => capsule.id} chosen={chosen.value}
          choose={(capsule) => go("audit", capsule.id)} row={(capsule) => <Row capsule={capsule} />} />
      )}
      {now && found.value.length < now.total && (
        <p class="pad"><Button disabled={busy.value} onClick={() => void more()}>Show more</Button></p>
      )}
    </>
  ); // prettier-ignore
  const note = now?.kept && counted(now.total, "capsule");
  return <Panel title="Audit" note={note} controls={controls} list={list} detail={chosen.value && <CapsuleDetail key={chosen.value} id={chosen.value} listed={looked} />} />;
}

interface Trail {
  capsules: Capsule[];
  total: number;
  kept: boolean;
}

async function page(offset: number): Promise<Trail> {
  return { ...(await ask<Omit<Trail, "kept">>("GET", `/api/v1/capsules/?limit=${PAGE}&offset=${offset}`)), kept: true };
}

function untrailed(error: unknown): Trail {
  if (error instanceof Refusal && error.status === 404) return { capsules: [], total: 0, kept: false };
  throw error;
}

/** The later ones, and of the earlier what comes right after them: between pages that were read apart some may be missing. */
function joined(later: Capsule[], earlier: Capsule[]): Capsule[] {
  const last = later.at(-1)?.sequence ?? 0;
  const rest = earlier.filter((capsule) => capsule.sequence < last);
  return rest[0]?.sequence === last - 1 ? [...later, ...rest] : later;
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
