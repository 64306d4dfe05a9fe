"""The one that writes to a SQLite file, and commits for everybody who waits."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from qntx.db.group import Group, Work
from qntx.errors import Unavailable

T = TypeVar("T")

_Job = Callable[[sqlite3.Connection], Any]

Upkeep = Callable[[sqlite3.Connection], bool]
"""One short step of keeping the file in order, in a transaction; whether it found anything to do."""

logger = logging.getLogger(__name__)


class Writer:
    """Owns the connection it is given. `close` ends the thread after what was submitted before."""

    def __init__(self, connection: sqlite3.Connection, name: str, upkeep: Upkeep | None = None) -> None:
        self._connection = connection
        self._name = name
        tidy = None if upkeep is None else lambda: self._tidy(upkeep)
        self._group: Group[_Job] = Group(self._commit, connection.close, name, upkeep=tidy)

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
            if not self._attempt(lambda: all(map(self._run_plainly, group))):
                self._attempt(lambda: all(map(self._run_apart, group)))
        except sqlite3.Error as error:
            for work in group:
                work.error = work.error or Unavailable(f"the database could not be written: {error}")

    def _tidy(self, upkeep: Upkeep) -> bool:
        try:
            return self._attempt(lambda: upkeep(self._connection))
        except sqlite3.Error as error:
            # Nobody waits for it. It is tried again after the next commit, whose caller hears what is wrong.
            logger.warning("the database of %s could not be kept in order: %s", self._name, error)
            return False

    def _attempt(self, run: Callable[[], bool]) -> bool:
        """Do it in one transaction, which is kept where it returns True."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            whole = run()
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
