/** How long a run has been going, or took. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { duration } from "../ui/time";
import type { Run } from "./run";

const TICK_MS = 100;

export function Elapsed({ run }: { run: Run }) {
  const now = useSignal(Date.now());
  const going = run.state === "running";
  useEffect(() => {
    if (!going) return;
    const ticking = window.setInterval(() => (now.value = Date.now()), TICK_MS);
    return () => window.clearInterval(ticking);
  }, [going]);
  if (run.state === "waiting") return <span class="elapsed muted">waits for its turn</span>;
  if (going) return <span class="elapsed running">{duration(Math.max(0, now.value - run.startedAt))}</span>;
  if (!run.answer) return null;
  const word = run.answer.success ? "" : WORDS[run.answer.outcome] ?? "failed";
  const kind = `elapsed ${run.answer.success ? "muted" : "wrong"}`;
  const took = `${word} ${duration(run.answer.duration_ms)}`;
  const { capsule_id: capsule } = run.answer;
  if (!capsule) return <span class={kind}>{took}</span>;
  return <a class={kind} href={`#/audit/${encodeURIComponent(capsule)}`} title="Its record in the audit trail">{took}</a>;
}

const WORDS: Record<string, string> = {
  cancelled: "stopped after",
  timed_out: "timed out after",
  out_of_memory: "out of memory after",
  killed: "killed after",
};
