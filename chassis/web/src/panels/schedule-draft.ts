/** A schedule as it is being written, and what the host is sent of it. Pure. */

import type { Schedule } from "../api/shapes";

export interface ScheduleDraft {
  what: "ix" | "handler";
  line: string;
  handler: string;
  payload: string;
  when: "every" | "cron";
  every: string;
  unit: Unit;
  cron: string;
}

export type Unit = "seconds" | "minutes" | "hours" | "days";

export const UNITS: Record<Unit, number> = { seconds: 1, minutes: 60, hours: 3600, days: 86_400 };
export const NEW: ScheduleDraft = { what: "ix", line: "", handler: "", payload: "", when: "every", every: "1", unit: "hours", cron: "" };

export type Problems = Partial<Record<keyof ScheduleDraft, string>>;

export function problems(draft: ScheduleDraft): Problems {
  const found: Problems = {};
  if (draft.what === "ix" && !draft.line.trim()) found.line = "Say what to ingest, such as: csv /data/new.csv";
  if (draft.what === "handler" && !draft.handler) found.handler = "Choose a handler.";
  if (draft.what === "handler" && draft.payload.trim() && !json(draft.payload)) found.payload = "This is not JSON.";
  if (draft.when === "every" && !(seconds(draft) > 0)) found.every = "A number above zero.";
  if (draft.when === "cron" && !draft.cron.trim()) found.cron = "Say when: 0 6 * * 1 is Mondays at six.";
  return found;
} // prettier-ignore

/** The field of the form that the host means. */
export function fieldOf(draft: ScheduleDraft, named: string): keyof ScheduleDraft {
  if (named === "cron") return "cron";
  if (named === "interval_seconds") return "every";
  if (named === "payload") return "payload";
  return draft.what === "ix" ? "line" : "handler";
}

export function whenOf(draft: ScheduleDraft): { cron: string } | { interval_seconds: number } {
  return draft.when === "cron" ? { cron: draft.cron.trim() } : { interval_seconds: seconds(draft) };
}

export function bodyOf(draft: ScheduleDraft) {
  const when = whenOf(draft);
  if (draft.what === "ix") return { ats_code: `ix ${draft.line.trim().replace(/^ix\s+/, "")}`, ...when };
  const payload = draft.payload.trim() ? (JSON.parse(draft.payload) as unknown) : null;
  return { handler_name: draft.handler, payload, ...when };
}

export function draftOf(schedule: Schedule): ScheduleDraft {
  const unit = (Object.keys(UNITS) as Unit[]).findLast((each) => schedule.interval_seconds % UNITS[each] === 0) ?? "seconds";
  return {
    ...NEW,
    what: schedule.ats_code ? "ix" : "handler",
    line: schedule.ats_code.replace(/^ix\s+/, ""),
    handler: schedule.handler_name,
    when: schedule.cron ? "cron" : "every",
    cron: schedule.cron,
    ...(schedule.cron ? {} : { unit, every: String(schedule.interval_seconds / UNITS[unit]) }),
  };
} // prettier-ignore

export function seconds(draft: ScheduleDraft): number {
  return draft.every.trim() ? Number(draft.every) * UNITS[draft.unit] : Number.NaN;
}

function json(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
