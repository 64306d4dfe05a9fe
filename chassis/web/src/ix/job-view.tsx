/** How far an ingestion is, what it said, and what it answered. */

import type { Job, JobLine } from "../api/shapes";
import { active, called } from "../panels/job-follow";
import { JobLog } from "../panels/job-log";
import { PlainText } from "../results/plain-text";
import { Value } from "../results/value";
import { ProgressBar } from "../ui/progress";
import { Status } from "../ui/status";
import { Time } from "../ui/time";

export function JobView({ job, lines }: { job: Job; lines: JobLine[] }) {
  const going = active(job);
  return (
    <div class="job-view">
      <p class="job-head">
        <Status of={job.status} /> <a href={`#/jobs/${encodeURIComponent(job.id)}`}>{called(job)}</a>{" "}
        <span class="muted"><Time at={job.completed_at || job.started_at || job.created_at} /></span>
      </p>
      {going && <ProgressBar progress={job.progress} />}
      {job.waiting_for && <p class="muted">Waits for {job.waiting_for}.</p>}
      {job.error && <PlainText kind="wrong" text={job.error.trimEnd()} />}
      {lines.length > 0 && <JobLog lines={lines} />}
      {!going && <Value value={job.result} />}
    </div>
  );
} // prettier-ignore
