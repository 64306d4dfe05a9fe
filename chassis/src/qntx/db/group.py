"""One thread that does what several callers ask for, in as few goes as it can.

A durable commit costs a millisecond or so of disk, whatever is in it. So whatever has been asked for while the last
one ran goes into the next one together; each caller hears back only after the commit that holds its work.

When nobody has asked for anything for a while, there is time for upkeep: a short step at a time, so that whoever comes
next waits for no more than one, and none at all once there is nothing left to do.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from qntx.errors import Unavailable

GROUP_MAX = 1024
"""Pieces of work in one commit."""

REST_SECONDS = 1.0
"""Nobody has asked for anything since the last commit: time for upkeep."""

BREATH_SECONDS = 0.01
"""Between two steps of it: the disk and the processors are for others too."""

Job = TypeVar("Job")


@dataclass(slots=True)
class Work(Generic[Job]):
    """What somebody waits for. Whoever commits it sets `result` or `error`."""

    job: Job
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None


class Group(Generic[Job]):
    """Calls `commit` with what waits, and `end` when it was closed and nothing does any more, in its own thread.

    `upkeep` does one short step, and says whether it found anything to do: then there may be more.
    """

    def __init__(
        self,
        commit: Callable[[list[Work[Job]]], None],
        end: Callable[[], None],
        name: str,
        *,
        upkeep: Callable[[], bool] | None = None,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._commit = commit
        self._end = end
        self._upkeep = upkeep
        self._rest_seconds = rest_seconds
        self._queue: queue.SimpleQueue[Work[Job] | None] = queue.SimpleQueue()
        self.closed = False
        self._thread = threading.Thread(target=self._run, name=f"{name}-writer", daemon=True)
        self._thread.start()

    async def submit(self, job: Job) -> Any:
        """Returns once it is committed. A caller that leaves does not undo it."""
        if self.closed:
            raise Unavailable("the database is closed: the host is stopping")
        loop = asyncio.get_running_loop()
        work = Work(job, loop, loop.create_future())
        self._queue.put(work)
        return await work.future

    def close(self) -> None:
        """Blocks until what was submitted before is done and the thread has ended. Twice is the same as once."""
        if not self.closed:
            self.closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        more = True
        patience: float | None = None
        while more:
            group, more = self._gather(patience)
            if group:
                self._do(group)
                _answer(group)
                patience = self._rest_seconds if self._upkeep else None
            elif more:
                patience = BREATH_SECONDS if self._upkeep and self._upkeep() else None
        self._end()

    def _do(self, group: list[Work[Job]]) -> None:
        try:
            self._commit(group)
        except Exception as error:
            # The next group may fare better; these callers would otherwise wait for ever.
            for work in group:
                work.error = work.error or error

    def _gather(self, patience: float | None) -> tuple[list[Work[Job]], bool]:
        """Everything that waits; nothing, if nothing comes within so many seconds. False: there is nothing after it."""
        group: list[Work[Job]] = []
        while len(group) < GROUP_MAX:
            try:
                work = self._queue.get(block=not group, timeout=patience)
            except queue.Empty:
                break
            if work is None:
                return group, False
            group.append(work)
        return group, True


def _answer(group: list[Work[Any]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[Work[Any]]] = {}
    for work in group:
        by_loop.setdefault(work.loop, []).append(work)
    for loop, works in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, works)


def _settle(works: list[Work[Any]]) -> None:
    for work in works:
        if work.future.done():
            continue
        if work.error is not None:
            work.future.set_exception(work.error)
        else:
            work.future.set_result(work.result)
