/** One job and its log, kept up to date while somebody looks. */

import { signal, type Signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { ask, path, reason } from "../api/client";
import { on } from "../api/live";
import type { Job, JobLine } from "../api/shapes";

export interface Followed {
  job: Job | null;
  lines: JobLine[];
  /** Why it is not there. */
  wrong: string;
}

const NOTHING: Followed = { job: null, lines: [], wrong: "" };

/** Followed for as long as the component is there; nothing where the id is empty. */
export function useFollowed(id: string): Followed {
  const [shown, end] = useMemo(() => (id ? follow(id) : nothing()), [id]);
  useEffect(() => end, [end]);
  return shown.value;
}

function nothing(): [Signal<Followed>, () => void] {
  return [signal(NOTHING), () => undefined];
}

/** Returns the signal, and what ends the following. */
function follow(id: string): [Signal<Followed>, () => void] {
  const shown = signal(NOTHING);
  let reading: Promise<void> = Promise.resolve();
  const readLines = () => {
    reading = reading.then(async () => {
      const after = shown.value.lines.at(-1)?.number ?? 0;
      const more = await ask<JobLine[]>("GET", path`/api/pulse/jobs/${id}/logs?after=${after}`);
      if (more.length) shown.value = { ...shown.value, lines: [...shown.value.lines, ...more] };
    }).catch(() => undefined);
  }; // prettier-ignore
  const readJob = async () => {
    shown.value = { ...shown.value, job: await ask<Job>("GET", path`/api/pulse/jobs/${id}`) };
  };
  readJob().catch((error: unknown) => (shown.value = { ...shown.value, wrong: reason(error) }));
  readLines();
  const end = on<Job>("job", (job) => {
    if (job.id !== id) return;
    // What it was given is not told again with each change.
    shown.value = { ...shown.value, job: { ...job, payload: job.payload ?? shown.value.job?.payload } };
    readLines();
  });
  return [shown, end];
}

/** What a person would call it: a schedule that a handler declares has but an id to name as its source. */
export function called({ source, handler_name }: Job): string {
  return !source || source.startsWith("AS-") ? handler_name : source;
}

export function active(job: Job): boolean {
  return job.status === "queued" || job.status === "running" || job.status === "paused";
}
