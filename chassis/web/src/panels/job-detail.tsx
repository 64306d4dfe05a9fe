/** One job: its progress, its log, what it was given and answered, its children; and what can be done about it. */

import { ask, path, reason } from "../api/client";
import type { Job } from "../api/shapes";
import { JsonTree } from "../results/json-tree";
import { PlainText } from "../results/plain-text";
import { Value } from "../results/value";
import { complain } from "../shell/notices";
import { Button } from "../ui/button";
import { ProgressBar } from "../ui/progress";
import { Status } from "../ui/status";
import { duration, Time } from "../ui/time";
import { active, called, useFollowed } from "./job-follow";
import { JobLog } from "./job-log";
import { useAsked } from "./loading";
import { Facts } from "./panel";

export function JobDetail({ id }: { id: string }) {
  const { job, lines, wrong } = useFollowed(id);
  const children = useAsked(() => ask<{ jobs: Job[] }>("GET", path`/api/pulse/jobs/${id}/children`), [id], ["job"]);
  if (!job) return wrong ? <p class="wrong">{wrong}</p> : <p class="muted loading">Loading…</p>;
  const going = active(job);
  const under = children.value.value?.jobs ?? [];
  return (
    <>
      <h2>{called(job)}</h2>
      <div class="detail-actions">
        <Status of={job.status} />
        <span class="spring" />
        {going && <Move job={job} to="cancel" />}
        {job.status === "queued" && <Move job={job} to="pause" />}
        {job.status === "paused" && <Move job={job} to="resume" />}
        {(job.status === "failed" || job.status === "cancelled") && <Move job={job} to="retry" />}
      </div>
      {going && <ProgressBar progress={job.progress} />}
      {job.waiting_for && <p class="muted">Waits for {job.waiting_for}.</p>}
      <Facts facts={[
        ["Handler", <code>{job.handler_name}</code>],
        ["Queued", <Time at={job.created_at} />],
        ["Took", job.started_at && job.completed_at ? duration(Date.parse(job.completed_at) - Date.parse(job.started_at)) : ""],
        ["Attempts", job.attempts > 1 ? String(job.attempts) : ""],
        ["Parent", job.parent_id ? <a href={`#/jobs/${encodeURIComponent(job.parent_id)}`}>{job.parent_id}</a> : ""],
        ["Id", <code>{job.id}</code>],
      ]} />
      {job.error && <><h3>Error</h3><PlainText kind="wrong" text={job.error.trimEnd()} /></>}
      {job.result !== null && <><h3>Result</h3><Value value={job.result} /></>}
      {lines.length > 0 && <><h3>Log</h3><JobLog lines={lines} /></>}
      {under.length > 0 && (
        <>
          <h3>Children</h3>
          <ul class="plain">
            {under.map((child) => (
              <li key={child.id}><Status of={child.status} /> <a href={`#/jobs/${encodeURIComponent(child.id)}`}>{called(child)}</a></li>
            ))}
          </ul>
        </>
      )}
      {job.payload != null && <><h3>Payload</h3><JsonTree value={job.payload} depth={1} /></>}
    </>
  );
} // prettier-ignore

function Move({ job, to }: { job: Job; to: "cancel" | "pause" | "resume" | "retry" }) {
  const words = { cancel: "Cancel", pause: "Pause", resume: "Resume", retry: "Retry" };
  const move = () => ask("POST", path`/api/pulse/jobs/${job.id}/${to}`).catch((error: unknown) => complain(reason(error)));
  return <Button kind={to === "cancel" ? "danger" : "plain"} needs="run" onClick={() => void move()}>{words[to]}</Button>;
} // prettier-ignore
