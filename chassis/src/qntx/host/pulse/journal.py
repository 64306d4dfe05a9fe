"""What happens to a job, written down: every change of a job's row is a method here, and is durable when it returns.

Each checks, in the transaction that makes the change, that the job is still where the caller believes it to be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from qntx.errors import InvalidRequest, NotFound
from qntx.host.pulse import tables
from qntx.host.pulse.backend import Backend, Rows
from qntx.model.job import ENDED, Job, JobOutcome, JobState, LogLine, may_follow


class Journal:
    """Jobs in their table. `now_ms` is the clock."""

    def __init__(self, backend: Backend, now_ms: Callable[[], int]) -> None:
        self._backend = backend
        self._now_ms = now_ms
        self._delivered: dict[str, int] = {}

    async def get(self, job_id: str) -> Job:
        found = await self._backend.read(lambda rows: tables.job(rows, job_id))
        if found is None:
            raise NotFound(f"no job {job_id!r}")
        return found

    async def add(self, job: Job, *, once_per_source: bool) -> Job:
        """Keep a new job; where one with its handler and source is active and only one may be, that one instead.

        A job whose id is kept already is that job.
        """

        def work(rows: Rows) -> Job:
            if once_per_source:
                rows.alone(f"{job.source} {job.handler_name}")
                if there := tables.job(rows, job.id) or tables.active_job(rows, job):
                    return there
            if tables.insert_job(rows, job):
                return job
            known = tables.job(rows, job.id)
            assert known is not None
            return known

        return await self._backend.write(work)

    def delivered(self, job: Job) -> None:
        """The queue has it. Written down with others a moment later: unwritten, it would be delivered again, which
        changes nothing."""
        self._delivered[job.id] = job.generation

    async def keep_delivered(self) -> None:
        if self._delivered:
            delivered, self._delivered = self._delivered, {}
            await self._backend.write(lambda rows: tables.deliver(rows, delivered.items()))

    async def begin(self, job_id: str, generation: int, *, again: bool = False) -> Job | None:
        """Its next run starts now. None when that delivery means nothing any more.

        `again`, where nobody knows whether the same was kept a moment ago: a delivery is one host's alone.
        """

        def work(rows: Rows) -> Job | None:
            if begun := tables.begin(rows, job_id, generation, self._now_ms()):
                return begun
            kept = tables.job(rows, job_id) if again else None
            same = kept is not None and kept.generation == generation and kept.state is JobState.RUNNING
            return kept if same else None

        return await self._backend.write(work)

    async def finish(self, running: Job, outcome: JobOutcome) -> Job | None:
        """That run came to its end. None when the job was stopped, or begun again, meanwhile."""
        state = JobState.COMPLETED if outcome.success else JobState.FAILED

        def work(rows: Rows) -> Job | None:
            ended = tables.end(rows, running, state, outcome, self._now_ms())
            if ended is not None:
                tables.insert_lines(rows, ended.id, outcome.log)
            return ended

        return await self._backend.write(work)

    async def put_back(
        self, running: Job, *, delay_seconds: float = 0.0, outcome: JobOutcome | None = None, waiting_for: str = ""
    ) -> Job | None:
        """That run, or delivery, is over and the job waits for its next. None when the job has moved on meanwhile."""

        def work(rows: Rows) -> Job | None:
            job = tables.held_job(rows, running.id)
            if job is None or job.generation != running.generation or job.state in ENDED | {JobState.PAUSED}:
                return None
            if outcome is not None:
                self._keep_outcome(rows, job, outcome)
            self._queue_again(rows, job, delay_seconds, waiting_for)
            return tables.job(rows, job.id)

        return await self._backend.write(work)

    async def move(self, job_id: str, state: JobState, *, allowed: frozenset[JobState]) -> Job:
        """A person's wish. Raises NotFound, and InvalidRequest when it comes too late."""

        def work(rows: Rows) -> Job:
            job = tables.held_job(rows, job_id)
            if job is None:
                raise NotFound(f"no job {job_id!r}")
            if job.state not in allowed or not may_follow(job.state, state):
                raise InvalidRequest("state", f"job {job_id} is {job.state}, so it cannot become {state}")
            if state is JobState.QUEUED:
                self._queue_again(rows, job, 0.0, "")
                tables.change(rows, job_id, ended_at_ms=0, error="")
            else:
                ended = self._now_ms() if state in ENDED else 0
                tables.change(rows, job_id, state=state.value, ended_at_ms=ended, waiting_for="")
            moved = tables.job(rows, job_id)
            assert moved is not None
            return moved

        return await self._backend.write(work)

    async def moved_on(self, running: Collection[Job]) -> list[str]:
        """Those of these runs that are not wanted any more: stopped, or begun again, by whichever host."""
        now = await self._backend.read(lambda rows: tables.standing(rows, [job.id for job in running]))
        return [job.id for job in running if now.get(job.id) != (job.generation, JobState.RUNNING)]

    async def report(
        self, job: Job, lines: tuple[LogLine, ...], progress: tuple[float, float | None, str] | None
    ) -> None:
        """What a running job told since the last time; nothing where it was begun again meanwhile."""

        def work(rows: Rows) -> None:
            kept = tables.held_job(rows, job.id)
            if kept is None or kept.generation != job.generation:
                return
            tables.insert_lines(rows, job.id, lines)
            if progress is not None:
                current, total, message = progress
                tables.change(rows, job.id, progress_current=current, progress_total=total, progress_message=message)

        await self._backend.write(work)

    async def forget(self, before_ms: int, limit: int) -> int:
        """Delete jobs that ended before that time, at most that many; how many it was."""

        def work(rows: Rows) -> int:
            old = tables.ended_before(rows, before_ms, limit)
            tables.forget(rows, old)
            return len(old)

        return await self._backend.write(work)

    def _keep_outcome(self, rows: Rows, job: Job, outcome: JobOutcome) -> None:
        tables.insert_lines(rows, job.id, outcome.log)
        tables.change(
            rows,
            job.id,
            error=outcome.error,
            cost_actual=job.cost_actual + outcome.cost,
            plugin_version=outcome.plugin_version or job.plugin_version,
        )

    def _queue_again(self, rows: Rows, job: Job, delay_seconds: float, waiting_for: str) -> None:
        tables.change(
            rows,
            job.id,
            state=JobState.QUEUED.value,
            generation=job.generation + 1,
            due_at_ms=self._now_ms() + round(delay_seconds * 1000),
            waiting_for=waiting_for,
        )
