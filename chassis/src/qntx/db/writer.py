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

        What it raises reaches the caller, and nothing of it stays. It may be run a second time, the first one undone,
        where another piece of the same transaction was refused. A caller that leaves does not undo it.
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
        """All of it in one transaction; once more, each piece apart, where one of them is refused."""
        try:
            if not self._attempt(group, self._run_plainly):
                self._attempt(group, self._run_apart)
        except sqlite3.Error as error:
            for work in group:
                work.error = work.error or Unavailable(f"the database could not be written: {error}")

    def _attempt(self, group: list[_Work], run: Callable[[_Work], bool]) -> bool:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            whole = all(run(work) for work in group)
            self._connection.execute("COMMIT" if whole else "ROLLBACK")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return whole

    def _run_plainly(self, work: _Work) -> bool:
        """False where it is refused: what it did before stands among that of the others."""
        try:
            work.result = work.run(self._connection)
        except sqlite3.OperationalError:
            raise  # a full disk, a lost file: the whole transaction is in doubt
        except Exception:
            return False
        return True

    def _run_apart(self, work: _Work) -> bool:
        self._connection.execute("SAVEPOINT work")
        try:
            work.result = work.run(self._connection)
        except sqlite3.OperationalError:
            raise
        except Exception as error:
            work.error = error
            self._connection.execute("ROLLBACK TO work")
        self._connection.execute("RELEASE work")
        return True


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
