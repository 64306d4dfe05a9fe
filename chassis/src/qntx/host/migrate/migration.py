"""Moves a home into a database: copies, counts and compares. The files stay as they are.

It may be stopped and started again: attestations and capsules go on where they were, and each other file is taken in
one transaction that notes it. Nothing is called done before both sides were read once more and are the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field

import psycopg
from psycopg import Connection

from qntx.capsules import Capsules, Seal
from qntx.capsules.storage.postgres import PostgresCapsuleStorage
from qntx.db.postgres import reason
from qntx.db.postgres_database import Database
from qntx.db.postgres_migrations import migrate
from qntx.errors import Refused, Unavailable
from qntx.host import presence
from qntx.host.canvas_postgres import PostgresCanvas
from qntx.host.home import Home
from qntx.host.migrate import attestations, claim, tables, trail
from qntx.host.migrate.attestations import Positions
from qntx.host.pulse import postgres_tables
from qntx.host.store.node_key import NodeKey
from qntx.host.store.postgres import PostgresStore
from qntx.host.store.sqlite import SQLiteStore
from qntx.host.watchers.postgres import PostgresWatcherStore

Told = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and of how much."""

CURSOR = "UPDATE qntx.watching SET position = %s, version = version + 1"
ANALYZE = "ANALYZE qntx.attestation, qntx.term, qntx.post, qntx.job"


@dataclass(slots=True)
class Report:
    """What is in the database now, by kind; `digest` is over all attestations, `root` over all capsules."""

    rows: dict[str, int] = field(default_factory=dict)
    digest: str = ""
    root: str = ""
    trail: str = ""
    """What verification says of the audit trail, on both sides alike."""
    earlier: str = ""
    """When it was all done before, where there was nothing left to do."""


async def move(home: Home, url: str, told: Told) -> Report:
    """Raises Refused where it must not be done, Unavailable where it may succeed later."""
    check_at_rest(home)
    try:
        return await _moved(home, url, told)
    except psycopg.Error as error:
        raise Unavailable(f"the database could not be written: {reason(error)}; try again, it goes on") from error


async def _moved(home: Home, url: str, told: Told) -> Report:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(url))
        target = await stack.enter_async_context(PostgresStore(database))
        await stack.enter_async_context(PostgresWatcherStore(database))
        await stack.enter_async_context(PostgresCanvas(database))
        await database.write(lambda connection: migrate(connection, "pulse", postgres_tables.MIGRATIONS))
        capsules = Capsules(database.url, seal=Seal(home.keys / "key"))
        stack.push_async_callback(capsules.close)
        await capsules.storage.count()  # Lays out its tables.
        connection = stack.enter_context(claim.alone(database.url))
        return await _Move(home, told, target, capsules, connection).run()


def check_at_rest(home: Home) -> None:
    """Raises Refused where there is nothing to move, or a host that still writes to it."""
    if running := presence.running(home.presence):
        raise Refused(f"a host is running on {home.root} (process {running.pid}): stop it first")
    if not home.attestations.is_file():
        raise Refused(f"{home.root} holds no attestations: there is nothing to migrate; is QNTX_HOME the right one?")


class _Move:
    def __init__(
        self, home: Home, told: Told, target: PostgresStore, capsules: Capsules, connection: Connection
    ) -> None:
        self._home = home
        self._told = told
        self._target = target
        self._capsules = capsules
        self._connection = connection
        self._node = NodeKey.load(home.keys / "node.key").did

    async def run(self) -> Report:
        finished = claim.begin(self._connection, self._node)
        async with SQLiteStore(self._home.attestations) as source:
            with closing(Positions(self._home.attestations)) as positions:
                count = positions.there(await source.position())
                if finished is not None:
                    return _done_before(finished, count)
                await self._copy(source, positions, count)
                report = await self._compared(source, positions, count)
        claim.finish(self._connection, self._node, count)
        return report

    async def _copy(self, source: SQLiteStore, positions: Positions, count: int) -> None:
        await attestations.copy(source, self._target, positions, lambda done: self._told("attestations", done, count))
        if self._home.capsules.exists():
            await self._copy_trail()
        for file in self._files(positions):
            self._told(file.name, 0, 1)
            await asyncio.to_thread(self._copy_file, file, positions)
            self._told(file.name, 1, 1)
        await asyncio.to_thread(self._connection.execute, ANALYZE)

    async def _copy_trail(self) -> None:
        source = self._trail()
        storage = self._capsules.storage
        assert isinstance(storage, PostgresCapsuleStorage)
        try:
            await trail.settle(source)
            count = await source.storage.count()
            await trail.copy(source, storage, lambda done: self._told("capsules", done, count))
        finally:
            await source.close()

    def _files(self, positions: Positions) -> list[tables.File]:
        home = self._home
        files = [
            tables.of_watchers(home.watchers, positions.there),
            tables.of_canvas(home.canvas),
            tables.of_pulse(home.jobs),
        ]
        return [file for file in files if file.path.exists()]

    def _copy_file(self, file: tables.File, positions: Positions) -> None:
        if claim.is_migrated(self._connection, self._node, file.name):
            return
        with closing(tables.opened(file)) as source, self._connection.transaction():
            tables.copy(source, self._connection, file)
            if file.name == "watchers" and (row := source.execute("SELECT position FROM cursor").fetchone()):
                self._connection.execute(CURSOR, (positions.there(row[0]),))
            claim.note_migrated(self._connection, self._node, file.name)

    async def _compared(self, source: SQLiteStore, positions: Positions, count: int) -> Report:
        """Both sides read once more. Raises Unavailable where they are not the same."""
        report = Report()
        here = await attestations.digest(source, lambda done: self._told("comparing", done, 2 * count))
        report.digest = await attestations.digest(
            self._target, lambda done: self._told("comparing", count + done, 2 * count)
        )
        report.rows["attestations"] = await self._target.position()
        if here != report.digest:
            raise Unavailable("the attestations in the database are not those of this home: something wrote meanwhile")
        for file in self._files(positions):
            report.rows |= await asyncio.to_thread(self._compared_file, file)
        if self._home.capsules.exists():
            await self._compare_trails(report)
        return report

    def _compared_file(self, file: tables.File) -> dict[str, int]:
        with closing(tables.opened(file)) as source:
            here = tables.counts(source, file)
        there = tables.counts_there(self._connection, file)
        if here != there:
            raise Unavailable(f"the {file.name} in the database are {there}, and those of this home {here}")
        return {table.shown: there[table.name] for table in file.tables}

    async def _compare_trails(self, report: Report) -> None:
        source = self._trail()
        try:
            here, there = await trail.verified(source), await trail.verified(self._capsules)
        finally:
            await source.close()
        if (here.root, here.error, here.capsules_verified) != (there.root, there.error, there.capsules_verified):
            raise Unavailable(f"the audit trail in the database is not that of this home: {there.error or there.root}")
        report.rows["capsules"] = there.capsules_verified
        report.root = there.root
        report.trail = "valid" if there.valid else f"not valid, as it was in this home: {there.error}"

    def _trail(self) -> Capsules:
        return Capsules(self._home.capsules, seal=Seal(self._home.keys / "key"))


def _done_before(finished: claim.Finished, count: int) -> Report:
    if count != finished.attestations:
        raise Refused(
            f"this home was migrated at {finished.at}, and its files have since taken {count - finished.attestations} "
            "attestations that the database has not: a host was started without host.database. To begin again with "
            "what the files hold, migrate into an empty database"
        )
    return Report(rows={"attestations": count}, earlier=finished.at)
