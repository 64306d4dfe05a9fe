/** Runs of glyphs: streamed while they go, stopped when asked. What came of them the host keeps, and feeds on. */

import { signal, type Signal } from "@preact/signals";
import { ask, path, reason, Refusal, send } from "../api/client";
import { barred } from "../api/session";
import type { Answer, Progress } from "../api/shapes";
import { told } from "../api/stream";
import { answers, flush, flushDue, glyph } from "../canvas/glyphs";
import { complain } from "../shell/notices";
import { Output, type Part } from "./output";

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

/** Of the runs that this page has asked for: it is told of them as it reads them. */
export const own = new Set<string>();
const runs = new Map<string, Signal<Run>>();
let streams = 0;
const queue: (() => void)[] = [];

export function run(id: string): Signal<Run> {
  let known = runs.get(id);
  if (!known) runs.set(id, (known = signal(IDLE)));
  return known;
}

/** What the glyph last answered, whoever asked for that run. */
export async function answered(id: string): Promise<Answer | null> {
  return (await ask<{ result: Answer | null }>("GET", path`/api/canvas/${id}/result`)).result;
}

export async function recall(id: string): Promise<void> {
  const result = (answers.get(id) as Answer | undefined) ?? (await answered(id));
  if (result && run(id).value.state === "idle") show(id, result);
}

export async function start(id: string): Promise<void> {
  const shown = run(id);
  if (going(shown.value)) return;
  const bar = barred("run");
  if (bar) return complain(bar);
  const executionId = crypto.randomUUID().replaceAll("-", "");
  own.add(executionId);
  shown.value = { ...IDLE, state: "waiting", startedAt: Date.now(), executionId };
  await turn();
  try {
    if (shown.value.state === "waiting") await stream(id, shown, executionId);
  } catch (error) {
    shown.value = { ...shown.value, state: "ended", refusal: reason(error) };
  } finally {
    streams -= 1;
    queue.shift()?.();
  }
}

export async function stop(id: string): Promise<void> {
  const shown = run(id);
  if (shown.value.state === "waiting") {
    shown.value = { ...shown.value, state: "ended", refusal: "Stopped before it began." };
  } else if (shown.value.state === "running") {
    await ask("POST", "/api/python/cancel", { execution_id: shown.value.executionId });
  }
}

export function show(id: string, answer: Answer): void {
  answers.set(id, answer);
  run(id).value = { ...IDLE, state: "ended", executionId: answer.execution_id, answer, parts: Output.of(answer) };
}

export function going({ state }: Run): boolean {
  return state === "running" || state === "waiting";
}

/** Where what that run says is shown, as long as it is the one that is shown. */
export function outputOf(shown: Signal<Run>): Output {
  const { executionId } = shown.value;
  return new Output((said) => {
    if (shown.value.executionId === executionId && going(shown.value)) shown.value = { ...shown.value, ...said };
  });
}

async function turn(): Promise<void> {
  if (streams >= STREAMS_MAX) await new Promise<void>((resolve) => queue.push(resolve));
  streams += 1;
}

async function stream(id: string, shown: Signal<Run>, executionId: string): Promise<void> {
  const written = glyph(id)!.value;
  await Promise.all([flush(id), flushDue()]);
  shown.value = { ...shown.value, state: "running", startedAt: Date.now() };
  const body = {
    content: written.content,
    glyph: written.symbol,
    glyph_id: id,
    execution_id: executionId,
    timeout_secs: written.timeout_seconds,
  };
  const response = await send("POST", "/api/python/execute", body, { accept: "text/event-stream" });
  const output = outputOf(shown);
  for await (const { kind, data } of told(response)) {
    if (kind === "end") {
      output.flush();
      answers.set(id, data);
      shown.value = { ...shown.value, state: "ended", answer: data as Answer };
    } else if (kind === "error") {
      throw new Refusal(503, (data as { error: string }).error);
    } else {
      output.take(kind, data);
    }
  }
  if (shown.value.state !== "ended") throw new Refusal(0, "The run was cut off: the host or its plugin went away.");
}
