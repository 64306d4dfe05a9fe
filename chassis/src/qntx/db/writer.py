"""The one that writes to a SQLite file, and commits for everybody who waits."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from qntx.db.group import Group, Work
from qntx.errors import Unavailable

T = TypeVar("T")

_Job = Callable[[sqlite3.Connection], Any]


class Writer:
    """Owns the connection it is given. `close` ends the thread after what was submitted before."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._group: Group[_Job] = Group(self._commit, connection.close, name)

    async def submit(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run it in the writer's thread, inside a transaction; returns once that is durable.

        What it raises reaches the caller, and nothing of it stays. It may be run a second time, the first one undone,
        where another piece of the same transaction was refused. A caller that leaves does not undo it.
        """
        result: T = await self._group.submit(run)
        return result

    def close(self) -> None:
        """Blocks until the thread has ended. Twice is the same as once."""
        self._group.close()

    def _commit(self, group: list[Work[_Job]]) -> None:
        """All of it in one transaction; once more, each piece apart, where one of them is refused."""
        try:
            if not self._attempt(group, self._run_plainly):
                self._attempt(group, self._run_apart)
        except sqlite3.Error as error:
            for work in group:
                work.error = work.error or Unavailable(f"the database could not be written: {error}")

    def _attempt(self, group: list[Work[_Job]], run: Callable[[Work[_Job]], bool]) -> bool:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            whole = all(run(work) for work in group)
            self._connection.execute("COMMIT" if whole else "ROLLBACK")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return whole

    def _run_plainly(self, work: Work[_Job]) -> bool:
        """False where it is refused: what it did before stands among that of the others."""
        try:
            work.result = work.job(self._connection)
        except sqlite3.OperationalError:
            raise  # a full disk, a lost file: the whole transaction is in doubt
        except Exception:
            return False
        return True

    def _run_apart(self, work: Work[_Job]) -> bool:
        self._connection.execute("SAVEPOINT work")
        try:
            work.result = work.job(self._connection)
        except sqlite3.OperationalError:
            raise
        except Exception as error:
            work.error = error
            self._connection.execute("ROLLBACK TO work")
        self._connection.execute("RELEASE work")
        return True
