"""Pulse in a PostgreSQL that several hosts share.

The rows of jobs and schedules are everybody's. A job goes to the queue of its plugin, and a host takes from the queues
of the plugins that it has. Every change of a job is one transaction that holds the job's row, so of two hosts that want
to change it one finds what the other made of it; `generation` says whose run counts.

Which hosts are alive is told by the locks of their sessions: see `sessions`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg
import sqlalchemy
from psycopg import Connection

from qntx.db.postgres import SILENCE, reason
from qntx.db.postgres_database import Database
from qntx.db.postgres_migrations import migrate
from qntx.errors import Unavailable
from qntx.host.pulse.backend import Cursor, Rows
from qntx.host.pulse.postgres_tables import MIGRATIONS
from qntx.host.pulse.sessions import HostSession, key, living

NAME = "pulse"
DEAD_AFTER_SECONDS = 2.0
"""A restart of the server costs every session its lock; hosts that live have theirs again by then."""

DBOS_CONNECTIONS = 4
CONNECT_SECONDS = 10
CONNECT_LAST_SECONDS = 2
"""While the host is stopping."""

T = TypeVar("T")


class PostgresRows:
    """Implements Rows. What SQL calls `?` elsewhere is `%s` here, and no text may hold a NUL."""

    schema = "qntx."
    held = " FOR UPDATE"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Cursor:
        return self._connection.execute(_marked(statement), [_kept(value) for value in values], prepare=True)

    def executemany(self, statement: str, values: Sequence[Sequence[Any]], /) -> None:
        if len(values) == 1:
            self.execute(statement, values[0])
        elif values:
            with self._connection.cursor() as cursor:
                cursor.executemany(_marked(statement), [[_kept(value) for value in row] for row in values])

    def alone(self, what: str) -> None:
        self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (key(f"job {what}"),))


class PostgresBackend:
    """Implements Backend. `session` is this host's, under the name of its executor."""

    dead_after_seconds = DEAD_AFTER_SECONDS

    def __init__(self, database: Database, executor: str, session: HostSession, offered: Collection[str]) -> None:
        self._database = database
        self._executor = executor
        self._session = session
        self.offered = tuple(offered)
        self._engine: sqlalchemy.Engine | None = None
        self._hurried = False
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._database.read(lambda connection: migrate(connection, NAME, MIGRATIONS))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._session)
            await self._database.write(self._announce)
            stack.push_async_callback(self._database.write, self._withdraw)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine is not None:
            await asyncio.to_thread(self._engine.dispose)
        await self._stack.aclose()

    def queue(self) -> dict[str, Any]:
        """An engine of ours, so that the address is libpq's to read and stands in no configuration of DBOS."""

        self._engine = sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=self._connected,
            pool_size=DBOS_CONNECTIONS,
            max_overflow=DBOS_CONNECTIONS,
        )
        return {"system_database_engine": self._engine, "use_listen_notify": False}

    def _connected(self) -> psycopg.Connection[Any]:
        seconds = CONNECT_LAST_SECONDS if self._hurried else CONNECT_SECONDS
        try:
            return psycopg.connect(self._database.url, connect_timeout=seconds, **SILENCE)
        except psycopg.Error as error:
            if self._hurried:
                # What the driver raises DBOS tries again for ever; this it does not know.
                raise Unavailable(f"the shared database does not answer: {reason(error)}") from error
            raise

    async def read(self, question: Callable[[Rows], T]) -> T:
        return await self._database.read(lambda connection: question(PostgresRows(connection)))

    async def write(self, work: Callable[[Rows], T]) -> T:
        return await self._database.write(lambda connection: work(PostgresRows(connection)))

    def hurry(self) -> None:
        self._hurried = True
        self._database.hurry()

    async def dead(self, executors: Collection[str]) -> set[str]:
        return set(executors) - await self._database.read(lambda connection: living(connection, executors))

    async def bury(self, executor: str) -> None:
        await self._database.write(lambda connection: self._forget(connection, executor))

    async def name_missing(self) -> None:
        """Also strikes off hosts that died without a job."""

        def work(connection: Connection) -> None:
            self._announce(connection)
            known = [row[0] for row in connection.execute("SELECT executor FROM qntx.host").fetchall()]
            alive = list(living(connection, known))
            if self._executor in alive:
                connection.execute("DELETE FROM qntx.host WHERE executor <> ALL(%s)", (alive,))
                connection.execute(MISSING)

        await self._database.write(work)

    def _announce(self, connection: Connection) -> None:
        connection.execute(
            "INSERT INTO qntx.host (executor, name, plugins) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (self._executor, socket.gethostname(), list(self.offered)),
        )

    def _withdraw(self, connection: Connection) -> None:
        self._forget(connection, self._executor)

    def _forget(self, connection: Connection, executor: str) -> None:
        connection.execute("DELETE FROM qntx.host WHERE executor = %s", (executor,))


MISSING = """
    UPDATE qntx.job SET waiting_for = format('no running host has the plugin %L', split_part(handler_name, '/', 1))
    WHERE state = 'queued' AND split_part(handler_name, '/', 1) NOT IN (SELECT unnest(plugins) FROM qntx.host)
        AND waiting_for <> format('no running host has the plugin %L', split_part(handler_name, '/', 1))
"""


def _marked(statement: str) -> str:
    return statement.replace("%", "%%").replace("?", "%s")


def _kept(value: Any) -> Any:
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
