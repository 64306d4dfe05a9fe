"""A host's life in a shared database: a connection of its own, and the locks that it holds.

A lock of a session is let go of by the server itself when the session ends, however it ends: the process was killed
(at once), or the network was cut (within `CUT_OFF_SECONDS`, by keepalives). So who holds the lock of an executor's name
is alive, and nobody has to guess by clocks. A host whose connection broke takes its locks again on the next one; until
then it may look dead, which is why others wait a moment before they believe it, and why what it had begun is fenced by
generations and not by this.

It has to be a session of the server: a pooler that shares sessions between statements cannot be used here.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Collection
from types import TracebackType
from typing import Self

import psycopg
import structlog
from psycopg import Connection

from qntx.db.postgres import connect

LOOK_SECONDS = 0.5
CUT_OFF_SECONDS = 4
SETTINGS = """
    SET application_name = 'qntx host';
    SET tcp_keepalives_idle = 2; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 2;
    SET tcp_user_timeout = 4000
"""
LIVING = """
    SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

log = structlog.get_logger("qntx.host.pulse")


class HostSession:
    """An async context manager: entered, it holds the lock of that name."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._connection: Connection | None = None
        self._held: set[str] = set()
        self._using = threading.Lock()
        self._keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._open)
        self._keeping = asyncio.create_task(self._keep(), name="the host's life in the shared database")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await asyncio.to_thread(self._close)

    async def take(self, what: str) -> bool:
        """Whether this host holds that lock, now at the latest. It keeps it until it gives it, or is cut off."""
        return await asyncio.to_thread(self._take, what)

    async def give(self, what: str) -> None:
        """Let another host have it. Twice is the same as once."""
        await asyncio.to_thread(self._give, what)

    def holds(self, what: str) -> bool:
        """As far as is known: a host that is cut off hears of it within LOOK_SECONDS, once it is."""
        return what in self._held

    # In threads:

    def _open(self) -> None:
        connection = connect(self._url)
        try:
            connection.execute(SETTINGS)
            connection.execute("SELECT pg_advisory_lock(%s)", (key(self._name),))
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _close(self) -> None:
        with self._using:
            self._held.clear()
            if self._connection is not None:
                self._connection.close()

    def _take(self, what: str) -> bool:
        with self._using:
            if what in self._held:
                return True
            try:
                row = self._live.execute("SELECT pg_try_advisory_lock(%s)", (key(what),)).fetchone()
            except psycopg.Error:
                return False
            if row is not None and row[0]:
                self._held.add(what)
            return what in self._held

    def _give(self, what: str) -> None:
        with self._using:
            if what in self._held:
                self._held.discard(what)
                try:
                    self._live.execute("SELECT pg_advisory_unlock(%s)", (key(what),))
                except psycopg.Error:
                    # The session is over, and its locks with it.
                    log.debug("a lock went with its session", lock=what)

    @property
    def _live(self) -> Connection:
        if self._connection is None or self._connection.closed:
            raise psycopg.OperationalError("the session is over")
        return self._connection

    async def _keep(self) -> None:
        """Notice that the session is over, and begin another."""
        told = False
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if not await asyncio.to_thread(self._still):
                    await asyncio.to_thread(self._open)
                    log.warning("this host is connected to the shared database again")
                    told = False
            except psycopg.Error as error:
                if not told:
                    log.error("this host is cut off from the shared database", reason=" ".join(str(error).split()))
                    told = True

    def _still(self) -> bool:
        with self._using:
            try:
                self._live.execute("SELECT 1")
            except psycopg.Error:
                self._held.clear()
                if self._connection is not None:
                    self._connection.close()
                return False
            return True


def living(connection: Connection, executors: Collection[str]) -> set[str]:
    """Those of them whose lock somebody holds."""
    held = {row[0] for row in connection.execute(LIVING).fetchall()}
    return {executor for executor in executors if key(executor) in held}


def key(what: str) -> int:
    """The number of a lock. Below zero, where the locks of others are not."""
    return -int.from_bytes(hashlib.sha256(b"qntx " + what.encode()).digest()[:7]) - 1
