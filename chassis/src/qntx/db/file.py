"""One SQLite file in use: brought to its present shape, a thread that writes to it, threads that read beside it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from qntx.db.migrations import migrate
from qntx.db.readers import READERS, Readers
from qntx.db.sqlite import LOG_PAGES, Synchronous, connect
from qntx.db.writer import Upkeep, Writer
from qntx.errors import Unavailable

T = TypeVar("T")


class File:
    """An async context manager; closing twice is the same as once. `name` is of what is in it.

    `upkeep` is done in the thread that writes, when something was written and then nobody has asked it for a while.
    """

    def __init__(
        self,
        path: Path,
        schema: Sequence[Sequence[str]],
        name: str,
        *,
        readers: int = READERS,
        synchronous: Synchronous = "FULL",
        log_pages: int = LOG_PAGES,
        upkeep: Upkeep | None = None,
    ) -> None:
        self._path = path
        self._schema = schema
        self._name = name
        self._reader_count = readers
        self._synchronous = synchronous
        self._log_pages = log_pages
        self._upkeep = upkeep
        self._open: tuple[Writer, Readers] | None = None

    async def __aenter__(self) -> Self:
        connection = await asyncio.to_thread(self._connect)
        writer = Writer(connection, self._name, self._upkeep)
        self._open = writer, Readers(self._path, self._name, self._reader_count)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask in a thread that reads: it sees everything that was written before."""
        return await self._opened[1].run(question)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do it in the thread that writes, in a transaction; returns once that is durable."""
        return await self._opened[0].submit(work)

    async def aclose(self) -> None:
        """After what is being written."""
        if self._open is not None:
            writer, readers = self._open
            self._open = None
            await asyncio.to_thread(writer.close)
            await asyncio.to_thread(readers.close)

    @property
    def _opened(self) -> tuple[Writer, Readers]:
        if self._open is None:
            raise Unavailable(f"the database of {self._name} is closed: the host is stopping")
        return self._open

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self._path, synchronous=self._synchronous, log_pages=self._log_pages)
        try:
            migrate(connection, self._schema)
        except BaseException:
            connection.close()
            raise
        return connection
