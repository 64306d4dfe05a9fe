/** How far an ingestion is, what it said, and what it answered. */

import { useEffect, useRef } from "preact/hooks";
import type { Job, JobLine } from "../api/shapes";
import { active, called } from "../panels/job-follow";
import { JobLog } from "../panels/job-log";
import { PlainText } from "../results/plain-text";
import { Value } from "../results/value";
import { ProgressBar } from "../ui/progress";
import { Status } from "../ui/status";
import { Time } from "../ui/time";

const MARGIN_PX = 12;

export function JobView({ job, lines }: { job: Job; lines: JobLine[] }) {
  const box = useRef<HTMLDivElement>(null);
  const going = active(job);
  // What went wrong is said last.
  useEffect(() => {
    const error = box.current!.querySelector("pre.wrong");
    const scrolls = box.current!.closest(".test-answer") ?? box.current!;
    if (error) scrolls.scrollTop += Math.max(0, error.getBoundingClientRect().bottom - scrolls.getBoundingClientRect().bottom + MARGIN_PX);
  }, [job.error]);
  return (
    <div class="job-view" ref={box}>
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
