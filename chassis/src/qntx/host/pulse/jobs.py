"""Jobs, as those who ask for them see them."""

from __future__ import annotations

import os
from collections.abc import Callable

from qntx.host.pulse import drafts, tables
from qntx.host.pulse.api import JobFilter, Stage
from qntx.host.pulse.backend import Backend
from qntx.host.pulse.journal import Journal
from qntx.host.pulse.queue import Queue
from qntx.host.pulse.runner import Publish, Runner
from qntx.model.identity import RANDOM_BYTES, asid
from qntx.model.job import Job, JobDraft, JobState, LogLine

STOPPABLE = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.PAUSED})


class JobDesk:
    """Implements `qntx.host.pulse.api.Jobs`."""

    def __init__(
        self,
        journal: Journal,
        backend: Backend,
        queue: Queue,
        runner: Runner,
        publish: Publish,
        now_ms: Callable[[], int],
    ) -> None:
        self._journal = journal
        self._backend = backend
        self._queue = queue
        self._runner = runner
        self._publish = publish
        self._now_ms = now_ms

    async def enqueue(self, draft: JobDraft, *, once_per_source: bool = False) -> Job:
        drafts.check(draft)
        new = self._job(draft)
        job = await self._journal.add(new, once_per_source=once_per_source and bool(draft.source))
        if job is new:
            self._publish(job)
            await self.put(job)
        return job

    async def put(self, job: Job) -> None:
        """Hand a queued job to the queue. Should this be cut short, the next start does it again.

        It is told of before: once it is there it may have begun, and what is told last is taken for what is so.
        """
        delay_seconds = max(0.0, (job.due_at_ms - self._now_ms()) / 1000)
        await self._queue.put(
            job.handler_name, job.id, job.generation, priority=job.priority, delay_seconds=delay_seconds
        )
        self._journal.delivered(job)

    async def get(self, job_id: str) -> Job:
        return await self._journal.get(job_id)

    async def find(self, wanted: JobFilter, *, limit: int = 100, offset: int = 0) -> list[Job]:
        return await self._backend.read(lambda rows: tables.jobs(rows, wanted, limit, offset))

    async def counts(self) -> dict[str, int]:
        """How many there are in each state."""
        return await self._backend.read(tables.counts)

    async def cancel(self, job_id: str) -> Job:
        return await self._halt(job_id, JobState.CANCELLED, STOPPABLE)

    async def pause(self, job_id: str) -> Job:
        return await self._halt(job_id, JobState.PAUSED, frozenset({JobState.QUEUED, JobState.RUNNING}))

    async def resume(self, job_id: str) -> Job:
        return await self._requeue(job_id, frozenset({JobState.PAUSED}))

    async def retry(self, job_id: str) -> Job:
        return await self._requeue(job_id, frozenset({JobState.FAILED, JobState.CANCELLED}))

    async def log(self, job_id: str, *, after: int = 0, limit: int = 1000) -> list[tuple[int, LogLine]]:
        await self._journal.get(job_id)
        return await self._backend.read(lambda rows: tables.lines(rows, job_id, after, limit))

    async def stages(self, job_id: str) -> list[Stage]:
        await self._journal.get(job_id)
        return await self._backend.read(lambda rows: tables.stages(rows, job_id))

    async def _halt(self, job_id: str, state: JobState, allowed: frozenset[JobState]) -> Job:
        job = await self._journal.move(job_id, state, allowed=allowed)
        self._runner.stop(job_id)
        self._publish(job)
        return job

    async def _requeue(self, job_id: str, allowed: frozenset[JobState]) -> Job:
        job = await self._journal.move(job_id, JobState.QUEUED, allowed=allowed)
        self._publish(job)
        await self.put(job)
        return job

    def _job(self, draft: JobDraft) -> Job:
        now_ms = self._now_ms()
        return Job(
            id=draft.id or asid("JB", draft.handler_name, draft.source, draft.parent_id, os.urandom(RANDOM_BYTES)),
            handler_name=draft.handler_name,
            payload_json=draft.payload_json,
            source=draft.source,
            state=JobState.QUEUED,
            priority=draft.priority,
            timeout_seconds=draft.timeout_seconds,
            retry=draft.retry,
            parent_id=draft.parent_id,
            created_at_ms=now_ms,
            due_at_ms=now_ms + round(draft.delay_seconds * 1000),
            generation=1,
            cost_estimate=draft.cost_estimate,
            grants=draft.grants,
            principal=draft.principal,
        )
