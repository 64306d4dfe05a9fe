"""What happens to a job, written down: every change of a job's row is a method here, and is durable when it returns.

Each checks, in the transaction that makes the change, that the job is still where the caller believes it to be.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace

from qntx.db.readers import Readers
from qntx.db.writer import Writer
from qntx.errors import InvalidRequest, NotFound
from qntx.host.pulse import tables
from qntx.model.job import ENDED, Job, JobOutcome, JobState, LogLine, may_follow


class Journal:
    """Jobs in their file. `now_ms` is the clock."""

    def __init__(self, writer: Writer, readers: Readers, now_ms: Callable[[], int]) -> None:
        self._writer = writer
        self._readers = readers
        self._now_ms = now_ms

    async def get(self, job_id: str) -> Job:
        found = await self._readers.run(lambda connection: tables.job(connection, job_id))
        if found is None:
            raise NotFound(f"no job {job_id!r}")
        return found

    async def add(self, job: Job, *, once_per_source: bool) -> Job:
        """Keep a new job; where one with its handler and source is active and only one may be, that one instead.

        A job whose id is kept already is that job.
        """

        def work(connection: sqlite3.Connection) -> Job:
            if known := tables.job(connection, job.id):
                return known
            if once_per_source and (active := tables.active_job(connection, job)):
                return active
            tables.insert_job(connection, job)
            return job

        return await self._writer.submit(work)

    async def delivered(self, job: Job) -> None:
        """The queue has it."""
        await self._writer.submit(lambda connection: tables.change(connection, job.id, delivered=job.generation))

    async def begin(self, job_id: str, generation: int) -> Job | None:
        """Its next run starts now. None when that delivery means nothing any more."""

        def work(connection: sqlite3.Connection) -> Job | None:
            job = tables.job(connection, job_id)
            if job is None or job.generation != generation or job.state is not JobState.QUEUED:
                return None
            started = replace(
                job, state=JobState.RUNNING, started_at_ms=self._now_ms(), attempts=job.attempts + 1, waiting_for=""
            )
            tables.change(
                connection,
                job_id,
                state=started.state.value,
                started_at_ms=started.started_at_ms,
                attempts=started.attempts,
                waiting_for="",
            )
            return started

        return await self._writer.submit(work)

    async def finish(self, running: Job, outcome: JobOutcome) -> Job | None:
        """That run came to its end. None when the job was stopped, or begun again, meanwhile."""
        state = JobState.COMPLETED if outcome.success else JobState.FAILED

        def work(connection: sqlite3.Connection) -> Job | None:
            job = self._still_running(connection, running)
            if job is None:
                return None
            self._keep_outcome(connection, job, outcome)
            tables.change(
                connection, job.id, state=state.value, ended_at_ms=self._now_ms(), result_json=outcome.result_json
            )
            return tables.job(connection, job.id)

        return await self._writer.submit(work)

    async def put_back(
        self, running: Job, *, delay_seconds: float = 0.0, outcome: JobOutcome | None = None, waiting_for: str = ""
    ) -> Job | None:
        """That run, or delivery, is over and the job waits for its next. None when the job has moved on meanwhile."""

        def work(connection: sqlite3.Connection) -> Job | None:
            job = tables.job(connection, running.id)
            if job is None or job.generation != running.generation or job.state in ENDED | {JobState.PAUSED}:
                return None
            if outcome is not None:
                self._keep_outcome(connection, job, outcome)
            self._queue_again(connection, job, delay_seconds, waiting_for)
            return tables.job(connection, job.id)

        return await self._writer.submit(work)

    async def move(self, job_id: str, state: JobState, *, allowed: frozenset[JobState]) -> Job:
        """A person's wish. Raises NotFound, and InvalidRequest when it comes too late."""

        def work(connection: sqlite3.Connection) -> Job:
            job = tables.job(connection, job_id)
            if job is None:
                raise NotFound(f"no job {job_id!r}")
            if job.state not in allowed or not may_follow(job.state, state):
                raise InvalidRequest("state", f"job {job_id} is {job.state}, so it cannot become {state}")
            if state is JobState.QUEUED:
                self._queue_again(connection, job, 0.0, "")
                tables.change(connection, job_id, ended_at_ms=0, error="")
            else:
                ended = self._now_ms() if state in ENDED else 0
                tables.change(connection, job_id, state=state.value, ended_at_ms=ended, waiting_for="")
            moved = tables.job(connection, job_id)
            assert moved is not None
            return moved

        return await self._writer.submit(work)

    async def report(
        self, job: Job, lines: tuple[LogLine, ...], progress: tuple[float, float | None, str] | None
    ) -> None:
        """What a running job told since the last time."""

        def work(connection: sqlite3.Connection) -> None:
            tables.insert_lines(connection, job.id, lines)
            if progress is not None:
                current, total, message = progress
                tables.change(
                    connection, job.id, progress_current=current, progress_total=total, progress_message=message
                )

        await self._writer.submit(work)

    async def forget(self, before_ms: int, limit: int) -> int:
        """Delete jobs that ended before that time, at most that many; how many it was."""

        def work(connection: sqlite3.Connection) -> int:
            old = tables.ended_before(connection, before_ms, limit)
            connection.executemany("DELETE FROM job WHERE id = ?", [(job_id,) for job_id in old])
            return len(old)

        return await self._writer.submit(work)

    def _still_running(self, connection: sqlite3.Connection, running: Job) -> Job | None:
        job = tables.job(connection, running.id)
        same = job is not None and job.generation == running.generation and job.state is JobState.RUNNING
        return job if same else None

    def _keep_outcome(self, connection: sqlite3.Connection, job: Job, outcome: JobOutcome) -> None:
        tables.insert_lines(connection, job.id, outcome.log)
        tables.change(
            connection,
            job.id,
            error=outcome.error,
            cost_actual=job.cost_actual + outcome.cost,
            plugin_version=outcome.plugin_version or job.plugin_version,
        )

    def _queue_again(self, connection: sqlite3.Connection, job: Job, delay_seconds: float, waiting_for: str) -> None:
        tables.change(
            connection,
            job.id,
            state=JobState.QUEUED.value,
            generation=job.generation + 1,
            due_at_ms=self._now_ms() + round(delay_seconds * 1000),
            waiting_for=waiting_for,
        )
