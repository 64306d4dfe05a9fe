"""Pulse in the files of one host: `jobs.db` for the rows, `pulse.db` for DBOS.

Two files, because DBOS locks its own at every poll.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from qntx.db.migrations import migrate
from qntx.db.readers import Readers
from qntx.db.sqlite import connect
from qntx.db.writer import Writer
from qntx.errors import Unavailable
from qntx.host.pulse import tables
from qntx.host.pulse.backend import Cursor, Rows
from qntx.host.pulse.liveness import Liveness

READERS = 2

T = TypeVar("T")


class SQLiteRows:
    """Implements Rows. There is one writer, so whoever writes is alone."""

    schema = "main."
    held = ""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Cursor:
        return self._connection.execute(statement, values)

    def executemany(self, statement: str, values: Sequence[Sequence[Any]], /) -> None:
        self._connection.executemany(statement, values)

    def alone(self, what: str) -> None:
        return


class SQLiteBackend:
    """Implements Backend."""

    dead_after_seconds = 0.0
    offered = None

    def __init__(self, folder: Path, executor: str) -> None:
        self._folder = folder
        self._liveness = Liveness(folder / "pulse.alive", executor)
        self._open: tuple[Writer, Readers] | None = None

    async def __aenter__(self) -> Self:
        self._liveness.hold()
        path = self._folder / "jobs.db"
        try:
            connection = await asyncio.to_thread(connect, path)
            await asyncio.to_thread(migrate, connection, tables.MIGRATIONS)
        except BaseException:
            self._liveness.let_go()
            raise
        self._open = Writer(connection, "pulse"), Readers(path, "pulse", READERS)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            writer, readers = self._open
            self._open = None
            await asyncio.to_thread(readers.close)
            await asyncio.to_thread(writer.close)
        self._liveness.let_go()

    def queue(self) -> dict[str, Any]:
        path = self._folder / "pulse.db"
        _prepare(path)
        return {"system_database_url": f"sqlite:///{path}"}

    async def read(self, question: Callable[[Rows], T]) -> T:
        return await self._opened[1].run(lambda connection: question(SQLiteRows(connection)))

    async def write(self, work: Callable[[Rows], T]) -> T:
        return await self._opened[0].submit(lambda connection: work(SQLiteRows(connection)))

    def hurry(self) -> None:
        """A file does not go away."""

    async def dead(self, executors: Collection[str]) -> set[str]:
        return {executor for executor in executors if not self._liveness.alive(executor)}

    async def bury(self, executor: str) -> None:
        self._liveness.bury(executor)

    async def name_missing(self) -> None:
        """All jobs come here, and what one waits for is told when it comes."""

    @property
    def _opened(self) -> tuple[Writer, Readers]:
        if self._open is None:
            raise Unavailable("jobs are closed: the host is stopping")
        return self._open


def _prepare(path: Path) -> None:
    """DBOS leaves SQLite's journal as it finds it; with a write-ahead log it is twice as fast."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
