"""Pulse: jobs and schedules over one durable queue.

What a host that died had begun is taken over by the next one to look: jobs are delivered again under the next
generation, so that whatever the dead one might still have written about them no longer counts.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from qntx.db.migrations import migrate
from qntx.db.readers import Readers
from qntx.db.sqlite import connect
from qntx.db.writer import Writer
from qntx.errors import NotFound
from qntx.host.pulse import tables
from qntx.host.pulse.api import Dispatcher
from qntx.host.pulse.jobs import JobDesk
from qntx.host.pulse.journal import Journal
from qntx.host.pulse.liveness import Liveness
from qntx.host.pulse.queue import Queue
from qntx.host.pulse.runner import Runner
from qntx.host.pulse.schedules import TICK_SECONDS, ScheduleDesk
from qntx.model.job import Job, JobState

RUNNING_MAX = 8
PREFETCH = 4
"""Jobs the queue hands over for each that may run, so that a slot is never idle for the length of a poll."""
TAKE_OVER_SECONDS = 2.0
TAKE_OVER_PAGE = 1000
KEEP_SECONDS = 30 * 24 * 3600.0
"""How long a job that ended is kept."""
FORGET_PAGE = 500
FORGET_SECONDS = 600.0
AGAIN_SECONDS = 1.0

logger = logging.getLogger(__name__)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Pulse:
    """An async context manager. `jobs` and `schedules` are its two desks."""

    def __init__(
        self,
        folder: Path,
        dispatcher: Dispatcher,
        publish: Callable[[Job], None] = lambda job: None,
        *,
        running_max: int = RUNNING_MAX,
        keep_seconds: float = KEEP_SECONDS,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._folder = folder
        self._dispatcher = dispatcher
        self._publish = publish
        self._running_max = running_max
        self._keep_ms = round(keep_seconds * 1000)
        self._now_ms = now_ms
        self._executor = uuid.uuid4().hex
        self._stack = AsyncExitStack()
        self.jobs: JobDesk
        self.schedules: ScheduleDesk

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._open(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def stop_running(self) -> None:
        """Stop the jobs that run and begin no more; they are left to the next host."""
        await self._runner.aclose()

    async def _open(self, stack: AsyncExitStack) -> None:
        self._liveness = Liveness(self._folder / "pulse.alive", self._executor)
        self._liveness.hold()
        stack.callback(self._liveness.let_go)
        path = self._folder / "jobs.db"
        connection = await asyncio.to_thread(connect, path)
        await asyncio.to_thread(migrate, connection, tables.MIGRATIONS)
        writer = Writer(connection, "pulse")
        stack.push_async_callback(asyncio.to_thread, writer.close)
        self._readers = Readers(path, "pulse", threads=2)
        stack.push_async_callback(asyncio.to_thread, self._readers.close)
        self._journal = Journal(writer, self._readers, self._now_ms)
        self._runner = Runner(
            self._journal,
            self._dispatcher,
            lambda job: self.jobs.put(job),
            self._publish,
            running_max=self._running_max,
        )
        self._queue = Queue(
            self._folder / "pulse.db", self._executor, self._runner.deliver, window=self._running_max * PREFETCH
        )
        self.jobs = JobDesk(self._journal, self._readers, self._queue, self._runner, self._publish, self._now_ms)
        self.schedules = ScheduleDesk(writer, self._readers, self.jobs, self._now_ms)
        await stack.enter_async_context(self._queue)
        stack.push_async_callback(self._runner.aclose)
        for work, every_seconds in (
            (self._take_over, TAKE_OVER_SECONDS),
            (self.schedules.tick, TICK_SECONDS),
            (self._forget, FORGET_SECONDS),
        ):
            stack.push_async_callback(_end, asyncio.create_task(_for_ever(work, every_seconds)))

    async def _take_over(self) -> None:
        for executor, begun in (await self._queue.begun_elsewhere()).items():
            if not self._liveness.alive(executor):
                for job_id, generation in begun:
                    await self._deliver_again(job_id, generation)
                await self._queue.drop(begun)
                self._liveness.bury(executor)
        for job in await self._readers.run(lambda connection: tables.undelivered(connection, TAKE_OVER_PAGE)):
            if job.created_at_ms < self._now_ms() - TAKE_OVER_SECONDS * 1000:
                await self.jobs.put(job)

    async def _deliver_again(self, job_id: str, generation: int) -> None:
        try:
            job = await self._journal.get(job_id)
        except NotFound:  # ended long ago, and forgotten
            return
        if job.generation == generation and job.state in {JobState.QUEUED, JobState.RUNNING}:
            again = await self._journal.put_back(job, waiting_for="the host that ran it ended; it starts over")
            if again is not None:
                await self.jobs.put(again)

    async def _forget(self) -> None:
        while await self._journal.forget(self._now_ms() - self._keep_ms, FORGET_PAGE):
            continue
        # A delivery that is over means nothing any more: what became of the job is in its row.
        while await self._queue.forget(FORGET_PAGE):
            continue


async def _for_ever(work: Callable[[], Awaitable[None]], every_seconds: float) -> None:
    """Whatever goes wrong once must not end what all jobs depend on."""
    while True:
        try:
            await work()
        except Exception:
            logger.exception("%s failed; it is tried again", work.__qualname__)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            await asyncio.sleep(every_seconds)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
