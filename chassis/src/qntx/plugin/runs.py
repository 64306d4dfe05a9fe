"""Runs that callers know by an id: the same id again is the same run.

A run outlives the call that began it by a moment, so that a caller whose connection broke can come back for the rest.
One that nobody came back for is stopped.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator

from qntx.engine.api import Event
from qntx.errors import InvalidRequest, NotFound
from qntx.model.execution import Execution, Result
from qntx.plugin.executor import Executor
from qntx.protocol import runtime_pb2
from qntx.wire.execution import event_to_proto

RUNS_KEPT_MAX = 64
EVENT_BYTES_MAX = 32 * 1024 * 1024
ABANDONED_SECONDS = 2.0
HELD_SECONDS = 30.0
"""How long a run waits to be let begin: its caller may have died between two calls."""


class Runs:
    """The runs under way and those just over."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._runs: OrderedDict[str, _Run] = OrderedDict()

    def begin(self, execution: Execution, *, held: bool = False) -> _Run:
        """The run of that id: the one there is, or a new one. One that is held waits until it is released."""
        fingerprint = hashlib.sha256(f"{execution.principal}\0{execution.code}".encode()).digest()
        if (known := self._runs.get(execution.id)) is not None and not known.never_ran:
            if known.fingerprint != fingerprint:
                raise InvalidRequest("execution_id", f"{execution.id} is another run's; choose a new one")
            return known
        run = self._runs[execution.id] = _Run(self._executor, execution, fingerprint)
        if held:
            asyncio.get_running_loop().call_later(HELD_SECONDS, run.stop_if_held)
        else:
            run.released.set()
        self._forget()
        return run

    def release(self, execution_id: str) -> bool:
        """Let a held run begin. False where there is none of that id, or nothing new is taken: then it never runs."""
        run = self._runs.get(execution_id)
        if run is None:
            return False
        if not run.released.is_set() and (run.task.done() or self._executor.draining):
            return False
        run.released.set()
        return True

    def find(self, execution_id: str) -> _Run:
        try:
            return self._runs[execution_id]
        except KeyError:
            raise NotFound(f"execution_id: no run {execution_id!r} is under way or just over") from None

    def cancel(self, execution_id: str) -> bool:
        run = self._runs.get(execution_id)
        if run is not None and not run.released.is_set():
            run.stop()
            return True
        return self._executor.cancel(execution_id)

    async def aclose(self) -> None:
        for run in self._runs.values():
            run.stop()
        await asyncio.gather(*(run.task for run in self._runs.values()), return_exceptions=True)

    def _forget(self) -> None:
        over = [run_id for run_id, run in self._runs.items() if run.task.done()]
        for run_id in over[: max(0, len(self._runs) - RUNS_KEPT_MAX)]:
            del self._runs[run_id]


class _Run:
    """One run and what happened in it so far."""

    def __init__(self, executor: Executor, execution: Execution, fingerprint: bytes) -> None:
        self.fingerprint = fingerprint
        self.released = asyncio.Event()
        self._executor = executor
        self._execution = execution
        self._events: list[runtime_pb2.RunEvent] = []
        self._kept_from = 0
        self._bytes = 0
        self._news = asyncio.Event()
        self._watchers = 0
        self.task = asyncio.create_task(self._run())
        # Nobody may be there to see how it ended.
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())

    @property
    def never_ran(self) -> bool:
        """It was refused before any of its code ran, such as for want of room. Asked for again, it is tried again."""
        return not self._events and self.task.done() and (self.task.cancelled() or self.task.exception() is not None)

    async def events(self) -> AsyncIterator[runtime_pb2.RunEvent]:
        """All of them from the first one kept, then as they come; raises where the run could not be."""
        self._watchers += 1
        try:
            position = 0
            while True:
                if position < self._kept_from:
                    yield runtime_pb2.RunEvent(sequence=position, missed=self._kept_from - position)
                    position = self._kept_from
                if position < self._kept_from + len(self._events):
                    yield self._events[position - self._kept_from]
                    position += 1
                elif self.task.done():
                    break
                else:
                    await self._news.wait()
            self.task.result()
        finally:
            self._watchers -= 1
            if not self._watchers and not self.task.done():
                asyncio.get_running_loop().call_later(ABANDONED_SECONDS, self._stop_if_abandoned)

    def stop(self) -> None:
        if not self._executor.cancel(self._execution.id):
            self.task.cancel()

    async def _run(self) -> Result:
        try:
            await self.released.wait()
            return await self._executor.run(self._execution, self._happened, admitted=True)
        finally:
            # Whoever waits sees that the task is done only after this step of the loop.
            asyncio.get_running_loop().call_soon(self._wake)

    def _happened(self, event: Event) -> None:
        message = event_to_proto(self._kept_from + len(self._events), event.kind, event.data)
        if event.kind == "started":
            message.started.started_at_ms = time.time_ns() // 1_000_000
        self._events.append(message)
        self._bytes += message.ByteSize()
        while self._bytes > EVENT_BYTES_MAX and len(self._events) > 1:
            self._bytes -= self._events.pop(0).ByteSize()
            self._kept_from += 1
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def stop_if_held(self) -> None:
        if not self.released.is_set():
            self.stop()

    def _stop_if_abandoned(self) -> None:
        if not self._watchers:
            self.stop()
