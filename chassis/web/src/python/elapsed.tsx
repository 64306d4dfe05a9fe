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
  return (
    <span class={`elapsed ${run.answer.success ? "muted" : "wrong"}`}>
      {word} {duration(run.answer.duration_ms)}
    </span>
  );
}

const WORDS: Record<string, string> = {
  cancelled: "stopped after",
  timed_out: "timed out after",
  out_of_memory: "out of memory after",
  killed: "killed after",
};
