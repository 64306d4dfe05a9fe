"""Threads that read beside the writer, each over a connection of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from qntx.db.sqlite import connect_to_read
from qntx.errors import Unavailable

READERS = 4

T = TypeVar("T")


class Readers:
    """What `run` is given sees everything committed before it began."""

    def __init__(self, path: Path, name: str, threads: int = READERS) -> None:
        self._path = path
        self._own = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"{name}-reader")
        self._closed = False

    async def run(self, question: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise Unavailable("the database is closed: the host is stopping")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, question)

    def close(self) -> None:
        """Stops what is still being read and blocks until the threads have ended. Twice is the same as once."""
        self._closed = True
        for connection in self._connections:
            connection.interrupt()
        self._threads.shutdown(cancel_futures=True)
        while self._connections:
            self._connections.pop().close()

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = connect_to_read(self._path)
            self._connections.append(connection)
        try:
            return question(connection)
        except sqlite3.Error as error:
            raise Unavailable(f"the database could not be read: {error}") from error
