"""The engine: a fresh process for every run, forked before it is asked for."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from qntx.engine.admission import Admission
from qntx.engine.api import Event, Home, Settings
from qntx.engine.run import Run
from qntx.engine.spawn import Zygote
from qntx.engine.worker import Worker
from qntx.errors import Refused, WorkerLost
from qntx.model.execution import Execution, Limits, Outcome, Result
from qntx.worker.sandbox.policy import Policy, at_least

IDLE_MAX = 8
TEARDOWN_SECONDS = 0.004
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ")


class _Ticket:
    """A run that was asked for, whether it waits or is under way."""

    def __init__(self, task: asyncio.Task[Any] | None) -> None:
        self.task = task
        self.run: Run | None = None
        self.cancelled = False


class Pool:
    """Runs executions, as many at once as its settings allow. An async context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        cores = len(os.sched_getaffinity(0))
        self._admission = Admission(settings.running_max or cores, settings.queued_max)
        self._idle_wanted = max(2, min(2 * self._admission.running_max, IDLE_MAX))
        self._policy = policy_of(settings.limits)
        self._idle: deque[Worker] = deque()
        self._forking = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._tickets: dict[str, _Ticket] = {}
        self._open = False

    async def __aenter__(self) -> Self:
        self._scratch = tempfile.TemporaryDirectory(prefix="qntx-")
        self._zygote = Zygote(
            {
                "preload": list(self._settings.preload),
                "paths": list(self._settings.paths),
                "environment": dict(self._settings.environment),
                "scratch": self._scratch.name,
                "readable_paths": list(self._settings.limits.readable_paths),
                "sandbox_max": self._settings.sandbox_max,
            },
            self._environment(),
        )
        await self._zygote.start()
        await self._check_rung()
        self._open = True
        self._refill()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        for ticket in list(self._tickets.values()):
            if ticket.run is not None:
                ticket.run.stop(Outcome.CANCELLED)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._idle:
            self._idle.popleft().hang_up()
        await self._zygote.close()
        self._scratch.cleanup()

    async def _check_rung(self) -> None:
        rung, required = self._zygote.report["sandbox"], self._settings.require_sandbox
        if not at_least(rung, required):
            await self._zygote.close()
            self._scratch.cleanup()
            raise Refused(
                f"this machine can hold runs in by {rung!r} and the configuration requires {required!r}; "
                f"what was found: {dict(self._zygote.report['primitives'])}"
            )

    async def run(self, execution: Execution, home: Home, on_event: Callable[[Event], None] | None = None) -> Result:
        if not self._open:
            raise WorkerLost("the engine is not open")
        ticket = self._tickets[execution.id] = _Ticket(asyncio.current_task())
        try:
            async with self._admission.turn(execution.principal):
                worker = await self._take(policy_of(execution.limits))
                try:
                    ticket.run = Run(worker, execution, home, on_event, self._zygote.report["sandbox"])
                    if ticket.cancelled:
                        ticket.run.stop(Outcome.CANCELLED)
                    return await ticket.run.finish()
                finally:
                    self._dismiss(worker)
        finally:
            self._tickets.pop(execution.id, None)

    def cancel(self, execution_id: str) -> bool:
        ticket = self._tickets.get(execution_id)
        if ticket is None:
            return False
        ticket.cancelled = True
        if ticket.run is not None:
            ticket.run.stop(Outcome.CANCELLED)
        return True

    def describe(self) -> Mapping[str, Any]:
        return {
            "ready": self._open and self._zygote.alive,
            "running": self._admission.running,
            "queued": self._admission.queued,
            "running_max": self._admission.running_max,
            "queued_max": self._admission.queued_max,
            "idle_workers": len(self._idle),
            **self._zygote.report,
        }

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return {
            **inherited,
            "HOME": os.environ.get("HOME", "/"),
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }

    async def _take(self, policy: Policy) -> Worker:
        while self._idle and policy == self._policy:
            worker = self._idle.popleft()
            if not worker.closed:
                return worker
            worker.hang_up()
        return await self._zygote.fork(policy)

    def _dismiss(self, worker: Worker) -> None:
        """Later, so that neither its end nor its successor's beginning delays the answer that was just given."""
        asyncio.get_running_loop().call_later(TEARDOWN_SECONDS, self._replace, worker)

    def _replace(self, worker: Worker) -> None:
        worker.hang_up()
        if self._open:
            self._refill()

    def _refill(self) -> None:
        while len(self._idle) + self._forking < self._idle_wanted:
            self._forking += 1
            task = asyncio.get_running_loop().create_task(self._fork_idle())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fork_idle(self) -> None:
        try:
            self._idle.append(await self._zygote.fork(self._policy))
        except WorkerLost:
            return
        finally:
            self._forking -= 1


def policy_of(limits: Limits) -> Policy:
    """The part of a run's limits that its worker must be forked for."""
    return Policy(
        memory_mib=limits.memory_mib,
        processes=limits.processes,
        scratch_mib=limits.scratch_mib,
        network=limits.network,
        subprocess=limits.subprocess,
        readable_paths=tuple(limits.readable_paths),
    )
