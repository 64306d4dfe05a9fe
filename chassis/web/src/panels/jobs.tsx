/** Jobs: what waits, runs and ended, as it happens. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask } from "../api/client";
import { on } from "../api/live";
import type { Job } from "../api/shapes";
import { chosen, go } from "../shell/route";
import { Empty } from "../ui/empty";
import { Status } from "../ui/status";
import { Time } from "../ui/time";
import { VirtualList } from "../ui/virtual-list";
import { JobDetail } from "./job-detail";
import { called } from "./job-follow";
import { useAsked } from "./loading";
import { Panel } from "./panel";

const LIMIT = 1000;
const STATES = ["", "running", "queued", "failed", "completed", "cancelled", "paused"];

export function Jobs() {
  const state = useSignal("");
  const query = `/api/pulse/jobs?limit=${LIMIT}&status=${state.value}`;
  // While the list is on its way: it may be of before.
  const told = useRef<Job[] | null>(null);
  const question = async () => {
    const early: Job[] = (told.current = []);
    const { jobs } = await ask<{ jobs: Job[] }>("GET", query).finally(() => told.current === early && (told.current = null));
    return { jobs: early.reduce((all, job) => merged(all, job, state.value), jobs) };
  };
  const { value, wrong } = useAsked(question, [state.value]);
  useEffect(
    () => on<Job>("job", (job) => {
      const jobs = value.value?.jobs;
      told.current?.push(job);
      if (jobs) value.value = { jobs: merged(jobs, job, state.value) };
    }),
    [],
  ); // prettier-ignore
  const jobs = value.value?.jobs ?? [];
  const filter = (
    <select aria-label="State" value={state.value} onChange={(event) => (state.value = event.currentTarget.value)}>
      {STATES.map((each) => <option key={each} value={each}>{each || "every state"}</option>)}
    </select>
  ); // prettier-ignore
  const list = wrong.value ? (
    <p class="wrong pad">{wrong.value}</p>
  ) : value.value && jobs.length === 0 ? (
    <Empty icon="jobs" title={state.value ? `No job is ${state.value}` : "No jobs yet"}>
      <p>A job is work the host does once: an <code>ix</code> line, a handler that fires, a schedule that comes due.</p>
    </Empty>
  ) : (
    <VirtualList items={jobs} label="Jobs" rowHeight={56} keyOf={(job) => job.id} chosen={chosen.value}
      choose={(job) => go("jobs", job.id)} row={(job) => <JobRow job={job} />} />
  ); // prettier-ignore
  const note = value.value && (jobs.length === LIMIT ? `the latest ${LIMIT}` : `${jobs.length}`);
  return <Panel title="Jobs" note={note} controls={filter} list={list} detail={chosen.value && <JobDetail key={chosen.value} id={chosen.value} />} />;
}

function JobRow({ job }: { job: Job }) {
  const { current, total, message } = job.progress as { current?: number; total?: number; message?: string };
  const far = job.status === "running" && total ? ` · ${Math.round(((current ?? 0) / total) * 100)} %` : "";
  return (
    <>
      <span class="row-main">
        <b>{called(job)}</b>
        <span class="muted one-line">{job.error ? lastLine(job.error) : message || job.handler_name}</span>
      </span>
      <span class="row-side">
        <Status of={job.status} />
        <span class="muted"><Time at={job.completed_at || job.started_at || job.created_at} />{far}</span>
      </span>
    </>
  );
} // prettier-ignore

function merged(jobs: Job[], job: Job, state: string): Job[] {
  const others = jobs.filter((each) => each.id !== job.id);
  if (state && job.status !== state) return others;
  const position = jobs.findIndex((each) => each.id === job.id);
  return position < 0 ? [job, ...others] : jobs.with(position, job);
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? text;
}
