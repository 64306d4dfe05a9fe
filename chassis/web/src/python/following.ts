/** Runs that were not asked for here: of melds, of other windows, of whoever calls the host. Shown as they go. */

import { ask, reason } from "../api/client";
import { on, onReturn } from "../api/live";
import type { RunUnderWay } from "../api/shapes";
import { glyph, glyphs } from "../canvas/glyphs";
import { complain } from "../shell/notices";
import type { Output } from "./output";
import { answered, going, IDLE, outputOf, own, run, show } from "./run";

interface Fired {
  glyph_id: string;
  execution_id: string;
  status: "started" | "success" | "error";
  error: string;
}

type Told = Omit<RunUnderWay, "started_at_ms">;

interface Followed {
  output: Output;
  /** Of what was last told of it. */
  number: number;
}

const LOST = "It was not heard how this run ended. Run it again to see.";

const followed = new Map<string, Followed>();
/** Runs that have ended: what is told of them later is of before. */
const over = new Set<string>();
/** How many runs of a glyph have ended, as far as was heard. */
const ends = new Map<string, number>();

export function followRuns(): void {
  const fail = (error: unknown) => complain(reason(error));
  on<Fired>("glyph_fired", (fired) => void follow(fired).catch(fail));
  on<Told>("glyph_output", (told) => void hear(told).catch(fail));
  onReturn(() => void renew().catch(fail));
}

/** Shows what the runs that are under way have said so far; returns which those are. */
export async function catchUp(): Promise<Set<string>> {
  const { runs } = await ask<{ runs: RunUnderWay[] }>("GET", "/api/python/runs");
  for (const each of runs) {
    if (!shownHere(each)) continue;
    begin(each.glyph_id, each.execution_id, each.started_at_ms);
    if (each.number >= (followed.get(each.execution_id)?.number ?? 0)) take(each, outputOf(run(each.glyph_id)));
  }
  return new Set(runs.map((each) => each.execution_id));
}

/** While nothing was heard of the host, runs have begun, gone on and ended. */
async function renew(): Promise<void> {
  const underWay = await catchUp();
  await Promise.all(glyphs().map(({ id }) => renewed(id, underWay)));
}

async function renewed(id: string, underWay: Set<string>): Promise<void> {
  const before = run(id).value;
  if (underWay.has(before.executionId) || (going(before) && own.has(before.executionId))) return;
  const result = await answered(id);
  const now = run(id).value;
  if (now.executionId !== before.executionId) return;
  if (result?.execution_id && result.execution_id !== now.answer?.execution_id) show(id, result);
  else if (going(now)) run(id).value = { ...now, state: "ended", refusal: LOST };
}

async function follow({ glyph_id: id, execution_id: executionId, status, error }: Fired): Promise<void> {
  if (!shownHere({ glyph_id: id, execution_id: executionId })) return;
  if (status === "started") return begin(id, executionId, Date.now());
  over.add(executionId);
  followed.delete(executionId);
  const shown = run(id);
  const another = () => going(shown.value) && shown.value.executionId !== executionId && !over.has(shown.value.executionId);
  if (another()) return;
  const turn = (ends.get(id) ?? 0) + 1;
  ends.set(id, turn);
  const result = await answered(id);
  // Of runs that end one upon the other the last is shown.
  if (another() || ends.get(id) !== turn) return;
  // After a success it is that one's, or a later run's already.
  if (result && (status === "success" || result.execution_id === executionId)) show(id, result);
  else if (error) shown.value = { ...IDLE, state: "ended", refusal: error };
}

async function hear(told: Told): Promise<void> {
  if (!shownHere(told)) return;
  const next = (followed.get(told.execution_id)?.number ?? 0) + 1;
  if (told.number < next) return;
  // Something of it was not heard. What another host runs only that one could repeat: it goes on from here.
  if (told.number > next && (await catchUp()).has(told.execution_id)) return;
  begin(told.glyph_id, told.execution_id, Date.now());
  take(told, followed.get(told.execution_id)?.output ?? outputOf(run(told.glyph_id)));
}

/** An `ix` glyph runs nothing itself. */
function shownHere({ glyph_id: id, execution_id: executionId }: Pick<Told, "glyph_id" | "execution_id">): boolean {
  const there = glyph(id);
  return !own.has(executionId) && there !== undefined && there.value.symbol !== "ix";
}

function begin(id: string, executionId: string, startedAt: number): void {
  const shown = run(id);
  if (going(shown.value) || over.has(executionId)) return;
  shown.value = { ...IDLE, state: "running", startedAt, executionId };
}

function take({ glyph_id: id, execution_id: executionId, number, said }: Told, output: Output): void {
  const shown = run(id).value;
  if (!going(shown) || shown.executionId !== executionId) return;
  for (const { kind, data } of said) output.take(kind, data);
  followed.set(executionId, { output, number });
}
