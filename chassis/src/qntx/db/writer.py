"""One thread that writes, and commits for everybody who waits.

A durable commit costs a millisecond or so of disk, whatever is in it. So whatever has been asked for while the last
commit ran goes into the next one together; each caller hears back only after the commit that holds its work.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from qntx.errors import Unavailable

GROUP_MAX = 1024
"""Pieces of work in one transaction."""

T = TypeVar("T")


@dataclass(slots=True)
class _Work:
    run: Callable[[sqlite3.Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None


class Writer:
    """Owns the connection it is given. `close` ends the thread after what was submitted before."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"{name}-writer", daemon=True)
        self._thread.start()

    async def submit(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run it in the writer's thread, inside a transaction; returns once that is durable.

        What it raises reaches the caller, and nothing of it stays. Once begun it is not undone by a caller that left.
        """
        if self._closed:
            raise Unavailable("the database is closed: the host is stopping")
        loop = asyncio.get_running_loop()
        work = _Work(run, loop, loop.create_future())
        self._queue.put(work)
        result: T = await work.future
        return result

    def close(self) -> None:
        """Blocks until the thread has ended. Twice is the same as once."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        more = True
        while more:
            group, more = self._gather()
            if group:
                self._commit(group)
                _answer(group)
        self._connection.close()

    def _gather(self) -> tuple[list[_Work], bool]:
        """Everything that waits, at least one. False: there is nothing after it."""
        group: list[_Work] = []
        while len(group) < GROUP_MAX:
            try:
                work = self._queue.get(block=not group)
            except queue.Empty:
                break
            if work is None:
                return group, False
            group.append(work)
        return group, True

    def _commit(self, group: list[_Work]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for work in group:
                self._run_one(work)
            self._connection.execute("COMMIT")
        except Exception as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            reason = Unavailable(f"the database could not be written: {error}")
            for work in group:
                work.error = work.error or reason

    def _run_one(self, work: _Work) -> None:
        self._connection.execute("SAVEPOINT work")
        try:
            work.result = work.run(self._connection)
        except Exception as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # a full disk, a lost file: the whole transaction is in doubt
            work.error = error
            self._connection.execute("ROLLBACK TO work")
        self._connection.execute("RELEASE work")


def _answer(group: list[_Work]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Work]] = {}
    for work in group:
        by_loop.setdefault(work.loop, []).append(work)
    for loop, works in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, works)


def _settle(works: list[_Work]) -> None:
    for work in works:
        if work.future.done():
            continue
        if work.error is not None:
            work.future.set_exception(work.error)
        else:
            work.future.set_result(work.result)
