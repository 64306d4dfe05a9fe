"""Runs the jobs the queue delivers: so many at once, each to an end that is written down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from qntx.errors import ChassisError, NotFound, Unavailable
from qntx.host.pulse.api import Dispatcher, Report
from qntx.host.pulse.journal import Journal
from qntx.host.pulse.retry import delay_seconds
from qntx.host.pulse.slots import Slots
from qntx.model.job import Job, JobOutcome, JobState, LogLine

WAIT_SECONDS = 2.0
"""How long a job whose plugin is away waits until it is looked at again."""

LOST_MAX = 20
"""Runs lost with their plugin or host before a job is given up: it may be what kills them."""

REPORT_SECONDS = 0.25

OVERTIME_SECONDS = 1.0
"""A plugin keeps a job's timeout itself and can say where its script was; only then is it stopped from here."""

AGAIN_SECONDS = 1.0
CLOSING_SECONDS = 5.0
"""How long a host that stops tries to write down what becomes of its jobs."""

T = TypeVar("T")
Publish = Callable[[Job], None]

logger = logging.getLogger(__name__)


class Runner:
    """`put` hands a job back to the queue; `publish` is told of every change."""

    def __init__(
        self,
        journal: Journal,
        dispatcher: Dispatcher,
        put: Callable[[Job], Awaitable[None]],
        publish: Publish,
        *,
        running_max: int,
    ) -> None:
        self._journal = journal
        self._dispatcher = dispatcher
        self._put = put
        self._publish = publish
        self._slots = Slots(running_max)
        self._running: dict[str, tuple[Job, asyncio.Task[JobOutcome]]] = {}
        self._delivering: dict[asyncio.Task[Any], str] = {}
        self._closing = False
        self._closed = False

    async def deliver(self, job_id: str, generation: int) -> None:
        """What the queue calls. A delivery that is out of date does nothing."""
        delivering = asyncio.current_task()
        assert delivering is not None
        self._delivering[delivering] = job_id
        try:
            await self._deliver(job_id, generation)
        finally:
            del self._delivering[delivering]

    def stop(self, job_id: str) -> None:
        """Stop its script now, if it runs here. Whoever calls has written down why."""
        if running := self._running.get(job_id):
            running[1].cancel()

    async def check(self) -> None:
        """Stop what is not wanted here any more: another host was told to stop it, or took it over."""
        if self._running:
            for job_id in await self._journal.moved_on([job for job, _ in self._running.values()]):
                self.stop(job_id)

    async def drain(self, seconds: float) -> None:
        """Begin no more, and let what runs go on that long."""
        self._closing = True
        if self._running and seconds:
            await asyncio.wait([run for _, run in self._running.values()], timeout=seconds)

    async def aclose(self) -> None:
        """Begin no more, and stop what runs: that is left to the next host. Twice is the same as once."""
        self._closing = True
        if self._closed:
            return
        self._closed = True
        for _, run in self._running.values():
            run.cancel()
        if self._delivering:
            # Until what became of them is written down.
            await asyncio.wait(self._delivering, timeout=CLOSING_SECONDS)
        if self._delivering:
            jobs = ", ".join(sorted(self._delivering.values()))
            logger.error(
                "nothing could be written down any more of these jobs, which the next host takes over: %s", jobs
            )

    async def _deliver(self, job_id: str, generation: int) -> None:
        with suppress(NotFound):
            job = await self._surely(lambda: self._journal.get(job_id))
            if job.generation != generation or job.state is not JobState.QUEUED:
                return
            try:
                await self._take(job)
            except Exception as fault:
                # A job that is neither run nor given back would be lost.
                logger.exception("job %s could not be delivered", job_id)
                await self._give_back(job, f"the host could not deliver it: {type(fault).__name__}: {fault}")

    async def _surely(self, ask: Callable[[], Awaitable[T]]) -> T:
        """A database that is away comes back; what has to be written down about a job then still is."""
        while True:
            try:
                return await ask()
            except Unavailable as error:
                logger.warning("what became of a job could not be written down yet: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _take(self, job: Job) -> None:
        if missing := self._dispatcher.missing(job.handler_name):
            await self._give_back(job, missing)
            return
        async with self._slots.hold((-job.priority, job.created_at_ms)):
            if self._closing:
                await self._surely(lambda: self._journal.put_back(job))
            else:
                await self._run(job)

    async def _begun(self, queued: Job) -> Job | None:
        try:
            return await self._journal.begin(queued.id, queued.generation)
        except Unavailable:
            return await self._surely(lambda: self._journal.begin(queued.id, queued.generation, again=True))

    async def _run(self, queued: Job) -> None:
        job = await self._begun(queued)
        if job is None:
            return
        self._publish(job)
        try:
            outcome = await self._outcome(job)
        except asyncio.CancelledError:
            if self._closing:
                await self._surely(lambda: self._journal.put_back(job))
            else:
                # Stopped by a person, and then the journal finds that the job has moved on; or its line was cut.
                await self._lost(job, "the connection to its plugin was closed")
            return
        except Unavailable as lost:
            await self._lost(job, str(lost))
            return
        except Exception as fault:
            logger.exception("job %s could not be run", job.id)
            await self._lost(job, f"the host could not run it: {type(fault).__name__}: {fault}")
            return
        delay = None if outcome.success else delay_seconds(job.retry, job.attempts)
        if delay is None:
            self._tell(await self._surely(lambda: self._journal.finish(job, outcome)))
        else:
            await self._again(
                await self._surely(lambda: self._journal.put_back(job, delay_seconds=delay, outcome=outcome))
            )

    async def _lost(self, job: Job, why: str) -> None:
        outcome = JobOutcome(False, error=f"the run was lost: {why}")
        if job.attempts > job.retry.attempts + LOST_MAX:
            self._tell(await self._surely(lambda: self._journal.finish(job, outcome)))
        else:
            await self._give_back(job, why)

    async def _give_back(self, job: Job, why: str) -> None:
        await self._again(
            await self._surely(lambda: self._journal.put_back(job, delay_seconds=WAIT_SECONDS, waiting_for=why))
        )

    async def _outcome(self, job: Job) -> JobOutcome:
        notebook = _Notebook(self._journal, job, self._publish)
        deadline = job.timeout_seconds + OVERTIME_SECONDS if job.timeout_seconds else None
        run = asyncio.create_task(self._dispatcher.run(job, notebook.report), name=f"job {job.id}")
        self._running[job.id] = job, run
        try:
            async with asyncio.timeout(deadline), notebook:
                return await run
        except TimeoutError:
            return JobOutcome(False, error=f"stopped after its timeout of {job.timeout_seconds:g} s")
        except ChassisError as error:
            if isinstance(error, Unavailable):
                raise
            return JobOutcome(False, error=str(error))
        finally:
            del self._running[job.id]

    async def _again(self, job: Job | None) -> None:
        self._tell(job)
        if job is not None and not self._closing:
            await self._put(job)

    def _tell(self, job: Job | None) -> None:
        if job is not None:
            self._publish(job)


class _Notebook:
    """Collects what a running job tells, and writes it down and publishes it a few times a second."""

    def __init__(self, journal: Journal, job: Job, publish: Publish) -> None:
        self._journal = journal
        self._job = job
        self._publish = publish
        self._lines: list[LogLine] = []
        self._progress: tuple[float, float | None, str] | None = None
        self.report = Report(progress=self._note_progress, log=self._lines.append)

    async def __aenter__(self) -> None:
        self._writing = asyncio.create_task(self._write())

    async def __aexit__(self, *_: object) -> None:
        self._writing.cancel()
        with suppress(asyncio.CancelledError):
            await self._writing
        with suppress(Unavailable):
            await self._flush()

    def _note_progress(self, current: float, total: float | None, message: str) -> None:
        self._progress = (current, total, message)

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            try:
                await self._flush()
            except Unavailable as error:
                logger.warning("what job %s tells could not be written down yet: %s", self._job.id, error)

    async def _flush(self) -> None:
        if not self._lines and self._progress is None:
            return
        # Taken first: a write whose caller is stopped is made all the same, and must not be made twice.
        lines, self._lines[:] = tuple(self._lines), []
        progress, self._progress = self._progress, None
        try:
            await self._journal.report(self._job, lines, progress)
        except Unavailable:
            self._lines[:0] = lines
            if self._progress is None:
                self._progress = progress
            raise
        if progress is not None:
            current, total, message = progress
            told = replace(self._job, progress_current=current, progress_total=total, progress_message=message)
            self._publish(told)
