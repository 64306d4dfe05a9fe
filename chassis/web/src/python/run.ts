/** Runs of glyphs: streamed while they go, stopped when asked, kept when they end, fed on to whoever is melded. */

import { signal, type Signal } from "@preact/signals";
import { ask, path, reason, Refusal, send } from "../api/client";
import type { Answer, Progress } from "../api/shapes";
import { told } from "../api/stream";
import { flush, glyph, glyphs } from "../canvas/glyphs";
import { fedBy } from "../canvas/meld";
import { Output, type Part } from "./output";

const KEPT_CHARACTERS_MAX = 4_000_000;
/** A browser keeps six connections to a host, and stopping a run needs one of them. */
const STREAMS_MAX = 4;

export interface Run {
  state: "idle" | "waiting" | "running" | "ended";
  startedAt: number;
  executionId: string;
  parts: Part[];
  progress: Progress | null;
  answer: Answer | null;
  /** Why there is no answer: the host refused, or went away. */
  refusal: string;
}

export const IDLE: Run = {
  state: "idle", startedAt: 0, executionId: "", parts: [], progress: null, answer: null, refusal: "",
}; // prettier-ignore

const runs = new Map<string, Signal<Run>>();
let streams = 0;
const queue: (() => void)[] = [];

export function run(id: string): Signal<Run> {
  let known = runs.get(id);
  if (!known) runs.set(id, (known = signal(IDLE)));
  return known;
}

/** What the glyph answered before the page was opened. */
export async function recall(id: string): Promise<void> {
  const { result } = await ask<{ result: Answer | null }>("GET", path`/api/canvas/${id}/result`);
  const now = run(id);
  if (result && now.value.state === "idle") {
    now.value = { ...IDLE, state: "ended", answer: result, parts: Output.of(result) };
  }
}

export async function start(id: string, upstream?: unknown): Promise<void> {
  const shown = run(id);
  if (shown.value.state === "running" || shown.value.state === "waiting") return;
  const executionId = crypto.randomUUID().replaceAll("-", "");
  shown.value = { ...IDLE, state: "waiting", startedAt: Date.now(), executionId };
  await turn();
  try {
    if (shown.value.state === "waiting") await stream(id, shown, executionId, upstream ?? fed(id));
  } catch (error) {
    shown.value = { ...shown.value, state: "ended", refusal: reason(error) };
  } finally {
    streams -= 1;
    queue.shift()?.();
  }
  const answer = shown.value.answer;
  if (!answer) return;
  await keep(id, answer);
  if (answer.success) for (const next of fedBy(glyphs(), id)) void start(next, answer.result);
}

export async function stop(id: string): Promise<void> {
  const shown = run(id);
  if (shown.value.state === "waiting") {
    shown.value = { ...shown.value, state: "ended", refusal: "Stopped before it began." };
  } else if (shown.value.state === "running") {
    await ask("POST", "/api/python/cancel", { execution_id: shown.value.executionId });
  }
}

export function clear(id: string): void {
  run(id).value = IDLE;
}

/** What the glyph that feeds this one last answered. */
function fed(id: string): unknown {
  const source = glyph(id)?.value.fed_by;
  return source ? (run(source).value.answer?.result ?? null) : null;
}

async function turn(): Promise<void> {
  if (streams >= STREAMS_MAX) await new Promise<void>((resolve) => queue.push(resolve));
  streams += 1;
}

async function stream(id: string, shown: Signal<Run>, executionId: string, upstream: unknown): Promise<void> {
  const written = glyph(id)!.value;
  await flush(id);
  shown.value = { ...shown.value, state: "running", startedAt: Date.now() };
  const body = {
    content: written.content,
    glyph: written.symbol,
    glyph_id: id,
    execution_id: executionId,
    timeout_secs: written.timeout_seconds,
    upstream,
  };
  const response = await send("POST", "/api/python/execute", body, { accept: "text/event-stream" });
  const output = new Output((parts) => (shown.value = { ...shown.value, parts }));
  for await (const { kind, data } of told(response)) {
    if (kind === "end") {
      output.flush();
      shown.value = { ...shown.value, state: "ended", answer: data as Answer };
    } else if (kind === "error") {
      throw new Refusal(503, (data as { error: string }).error);
    } else if (kind === "progress") {
      shown.value = { ...shown.value, progress: data as Progress };
    } else {
      output.take(kind, data);
    }
  }
  if (shown.value.state !== "ended") throw new Refusal(0, "The run was cut off: the host or its plugin went away.");
}

async function keep(id: string, answer: Answer): Promise<void> {
  const size = JSON.stringify(answer).length;
  const kept = size <= KEPT_CHARACTERS_MAX ? answer : { ...answer, result: LARGE, displays: [] };
  await ask("PUT", path`/api/canvas/${id}/result`, { result: kept }).catch(() => undefined);
}

const LARGE = "The result was too large to keep. Run the glyph again to see it.";
