"""Pulse: jobs and schedules over one durable queue, of one host or of several that share a database.

What a host that died had begun is taken over by the next one to look: jobs are delivered again under the next
generation, so that whatever the dead one might still write about them no longer counts. The same holds for a host that
was only cut off: its scripts may still run for a moment, but of the results one is recorded, that of the last
generation, and once it can look again it stops the runs that are not its own any more.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Collection
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Self

from qntx.errors import NotFound, Unavailable
from qntx.host.pulse import tables
from qntx.host.pulse.api import Dispatcher
from qntx.host.pulse.backend import Backend
from qntx.host.pulse.jobs import JobDesk
from qntx.host.pulse.journal import Journal
from qntx.host.pulse.queue import Queue
from qntx.host.pulse.runner import Runner
from qntx.host.pulse.schedules import TICK_SECONDS, ScheduleDesk
from qntx.model.job import Job, JobState

RUNNING_MAX = 8
PREFETCH = 4
"""Jobs the queue hands over for each that may run, so that a slot is never idle for the length of a poll."""
TAKE_OVER_SECONDS = 1.5
DELIVERED_SECONDS = 0.25
UNDELIVERED_SECONDS = 2.0
"""How old a job is before it counts as one that whoever made it did not get to put into the queue."""
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
    """An async context manager. `jobs` and `schedules` are its two desks.

    `backend` makes what it keeps things in, for the executor of that name.
    """

    def __init__(
        self,
        backend: Callable[[str], Backend],
        dispatcher: Dispatcher,
        publish: Callable[[Job], None] = lambda job: None,
        *,
        running_max: int = RUNNING_MAX,
        keep_seconds: float = KEEP_SECONDS,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._executor = uuid.uuid4().hex
        self._backend = backend(self._executor)
        self._dispatcher = dispatcher
        self._publish = publish
        self._running_max = running_max
        self._keep_ms = round(keep_seconds * 1000)
        self._now_ms = now_ms
        self._suspected: dict[str, float] = {}
        """Since when an executor looks dead."""
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

    async def stop_running(self, drain_seconds: float = 0.0) -> None:
        """Begin no more, let what runs go on for that long, stop it then, and leave it to the next host."""
        await self._runner.drain(drain_seconds)
        self._backend.hurry()
        await self._runner.aclose()

    async def look(self) -> None:
        """Stop the runs here that another host has stopped, or taken over."""
        await self._runner.check()

    async def _open(self, stack: AsyncExitStack) -> None:
        backend = await stack.enter_async_context(self._backend)
        self._journal = Journal(backend, self._now_ms)
        self._runner = Runner(
            self._journal,
            self._dispatcher,
            lambda job: self.jobs.put(job),
            self._publish,
            running_max=self._running_max,
        )
        self._queue = Queue(
            backend.queue(),
            self._executor,
            self._runner.deliver,
            window=self._running_max * PREFETCH,
            offered=backend.offered,
        )
        self.jobs = JobDesk(self._journal, backend, self._queue, self._runner, self._publish, self._now_ms)
        self.schedules = ScheduleDesk(backend, self.jobs, self._now_ms)
        await stack.enter_async_context(self._queue)
        stack.push_async_callback(self._runner.aclose)
        for work, every_seconds in (
            (self._journal.keep_delivered, DELIVERED_SECONDS),
            (self._take_over, TAKE_OVER_SECONDS),
            (self.schedules.tick, TICK_SECONDS),
            (self._forget, FORGET_SECONDS),
        ):
            stack.push_async_callback(_end, asyncio.create_task(_for_ever(work, every_seconds)))

    async def _take_over(self) -> None:
        begun = await self._queue.begun_elsewhere()
        for executor in await self._dead(begun):
            logger.warning("host %s is dead; its %d deliveries are made again", executor, len(begun[executor]))
            for job_id, generation in begun[executor]:
                await self._deliver_again(job_id, generation)
            await self._queue.drop(begun[executor])
            await self._backend.bury(executor)
        for job in await self._backend.read(lambda rows: tables.undelivered(rows, TAKE_OVER_PAGE)):
            if job.created_at_ms < self._now_ms() - UNDELIVERED_SECONDS * 1000:
                await self.jobs.put(job)
        await self._runner.check()
        await self._backend.name_missing()

    async def _dead(self, executors: Collection[str]) -> list[str]:
        """Those that have looked dead for long enough."""
        now = time.monotonic()
        looking = await self._backend.dead(executors)
        self._suspected = {executor: self._suspected.get(executor, now) for executor in looking}
        return [name for name, since in self._suspected.items() if now - since >= self._backend.dead_after_seconds]

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
        except Unavailable as error:
            logger.warning("%s has to wait: %s", work.__qualname__, error)
            await asyncio.sleep(AGAIN_SECONDS)
        except Exception:
            logger.exception("%s failed; it is tried again", work.__qualname__)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            await asyncio.sleep(every_seconds)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
