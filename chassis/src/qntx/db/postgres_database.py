"""The shared database as one host uses it: threads that read, threads that write, and an ear for notices."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

import psycopg
from psycopg import AsyncConnection, Connection

from qntx.db.postgres import CHANNEL, CONNECT_SECONDS, PATIENCE_SECONDS, SILENCE, Session, address, connect_first
from qntx.errors import Unavailable

READERS = 4
WRITERS = 2
LOOK_SECONDS = 5.0
"""How often to look without a notice: one may be lost, and some poolers pass none on."""

AGAIN_SECONDS = 1.0

T = TypeVar("T")


class Database:
    """An async context manager. `url` is postgresql://…; work waits so long for a server that is away."""

    def __init__(self, url: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.url = address(url)
        self._patience_seconds = patience_seconds
        self._readers: _Threads | None = None
        self._writers: _Threads | None = None
        self._heard: dict[str, set[Callable[[], None]]] = {}
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        connection = await asyncio.to_thread(connect_first, self.url)
        connection.close()
        self._readers = _Threads(self.session, READERS, "database-reader")
        self._writers = _Threads(self.session, WRITERS, "database-writer")
        self._listening = asyncio.create_task(self._listen(), name="the shared database's notices")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        readers, writers = self._readers, self._writers
        self._readers = self._writers = None
        if writers is not None:
            await asyncio.to_thread(writers.finish)
        if readers is not None:
            await asyncio.to_thread(readers.close)

    def session(self) -> Session:
        """A connection more, for a thread of one's own."""
        return Session(self.url, patience_seconds=self._patience_seconds)

    async def read(self, question: Callable[[Connection], T]) -> T:
        """Ask in a thread, outside any transaction. It may be asked twice, where the connection breaks."""
        return await self._open(self._readers).run(lambda session: session.read(question))

    async def write(self, work: Callable[[Connection], T], kept: Callable[[Connection], bool] | None = None) -> T:
        """Do it in a thread, in one transaction: Session.write."""
        return await self._open(self._writers).run(lambda session: session.write(work, kept))

    def hurry(self) -> None:
        """From now on nothing is tried twice: what waits for a server that is away is given up."""
        for threads in (self._readers, self._writers):
            if threads is not None:
                threads.hurry()

    @contextmanager
    def listen(self, topic: str, heard: Callable[[], None]) -> Iterator[None]:
        """Inside, `heard` is called for each notice of that topic, and every few seconds in case one was lost."""
        listeners = self._heard.setdefault(topic, set())
        listeners.add(heard)
        try:
            yield
        finally:
            listeners.discard(heard)

    def _open(self, threads: _Threads | None) -> _Threads:
        if threads is None:
            raise Unavailable("the shared database is closed: the host is stopping")
        return threads

    async def _listen(self) -> None:
        while True:
            try:
                async with await _connect_to_listen(self.url) as connection:
                    await self._hear(connection)
            except psycopg.Error:
                # The stores say what is wrong, to those who ask them for something.
                self._tell_all()
                await asyncio.sleep(AGAIN_SECONDS)

    async def _hear(self, connection: AsyncConnection) -> None:
        while True:
            self._tell_all()
            async for notice in connection.notifies(timeout=LOOK_SECONDS):
                for heard in tuple(self._heard.get(notice.payload, ())):
                    heard()

    def _tell_all(self) -> None:
        for listeners in self._heard.values():
            for heard in tuple(listeners):
                heard()


async def _connect_to_listen(url: str) -> AsyncConnection:
    connection = await AsyncConnection.connect(
        url, autocommit=True, client_encoding="utf8", connect_timeout=CONNECT_SECONDS, **SILENCE
    )
    await connection.execute(f"LISTEN {CHANNEL}")
    return connection


class _Threads:
    """A pool of threads, each with a session of its own."""

    def __init__(self, session: Callable[[], Session], count: int, name: str) -> None:
        self._session = session
        self._own = threading.local()
        self._sessions: list[Session] = []
        self._hurried = False
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(self, work: Callable[[Session], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._do, work)

    def close(self) -> None:
        """Gives up what runs and what waits, and blocks until the threads have ended."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for session in self._sessions:
            session.interrupt()
        self.finish()

    def hurry(self) -> None:
        self._hurried = True
        for session in self._sessions:
            session.hurry()

    def finish(self) -> None:
        """Blocks until everything is done, or has failed once."""
        self.hurry()
        self._threads.shutdown()
        for session in self._sessions:
            session.close()

    def _do(self, work: Callable[[Session], T]) -> T:
        session: Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = self._session()
            self._sessions.append(session)
            if self._hurried:
                session.hurry()
        return work(session)
