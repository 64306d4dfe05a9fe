"""Watchers and their firings in PostgreSQL, shared by several hosts.

All of them follow the same arrivals, and may find the same firings. Whoever is first moves the shared cursor; what
lies at or below it is dropped when another brings it, so nothing is fired for twice, even after it ran. A host that
did not know of a new watcher yet would move the cursor past what should fire it; so every change of a watcher counts
`version` up, and a match that was made with an older one is not taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from psycopg import Connection

from qntx.db.postgres import notify
from qntx.db.postgres_database import Database
from qntx.db.postgres_room import PostgresRoom
from qntx.host.store.terms import FIELDS
from qntx.host.watchers.dispatch import Firing
from qntx.host.watchers.storage import HISTORY, OUTPUT_CHARACTERS, Fired, Stale
from qntx.model.attestation import Filter
from qntx.model.watcher import Action, Tally, Watcher

NAME = "watchers"
TOPIC = "watchers"

SCHEMA = (
    (
        """
        CREATE TABLE qntx.watcher (
            number bigint GENERATED ALWAYS AS IDENTITY,
            id text PRIMARY KEY,
            name text NOT NULL,
            wanted text NOT NULL,
            action text NOT NULL,
            action_data text NOT NULL,
            glyph text NOT NULL,
            max_fires_per_second double precision NOT NULL,
            enabled boolean NOT NULL,
            plugin text NOT NULL,
            from_position bigint NOT NULL,
            created_at_ms bigint NOT NULL,
            updated_at_ms bigint NOT NULL,
            fire_count bigint NOT NULL DEFAULT 0,
            error_count bigint NOT NULL DEFAULT 0,
            last_error text NOT NULL DEFAULT '',
            last_fired_at_ms bigint NOT NULL DEFAULT 0
        )
        """,
        """
        CREATE TABLE qntx.firing (
            number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            watcher_id text NOT NULL REFERENCES qntx.watcher (id) ON DELETE CASCADE,
            position bigint NOT NULL,
            attestation_id text NOT NULL,
            failures integer NOT NULL DEFAULT 0,
            due_ms bigint NOT NULL DEFAULT 0,
            depth integer NOT NULL,
            error text NOT NULL DEFAULT '',
            UNIQUE (watcher_id, position)
        )
        """,
        "CREATE INDEX firing_due ON qntx.firing (watcher_id, due_ms, number)",
        """
        CREATE TABLE qntx.fired (
            number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            watcher_id text NOT NULL REFERENCES qntx.watcher (id) ON DELETE CASCADE,
            attestation_id text NOT NULL,
            at_ms bigint NOT NULL,
            attempts integer NOT NULL,
            error text NOT NULL,
            output text NOT NULL
        )
        """,
        "CREATE INDEX fired_by ON qntx.fired (watcher_id, number)",
        """
        CREATE TABLE qntx.watching (
            one integer PRIMARY KEY CHECK (one = 1),
            position bigint,
            version bigint NOT NULL
        )
        """,
        "INSERT INTO qntx.watching VALUES (1, NULL, 0)",
    ),
    ("ALTER TABLE qntx.watcher ADD COLUMN principal text NOT NULL DEFAULT ''",),
)

COLUMNS = (
    "id, name, wanted, action, action_data, glyph, max_fires_per_second, enabled, plugin, from_position, "
    "created_at_ms, updated_at_ms, principal"
)
_SAVE = f"""
    INSERT INTO qntx.watcher ({COLUMNS}) VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s)
    ON CONFLICT (id) DO UPDATE SET
        name = excluded.name, wanted = excluded.wanted, action = excluded.action, action_data = excluded.action_data,
        glyph = excluded.glyph, max_fires_per_second = excluded.max_fires_per_second, enabled = excluded.enabled,
        plugin = excluded.plugin, updated_at_ms = excluded.updated_at_ms, principal = excluded.principal
"""
_ENQUEUE = """
    INSERT INTO qntx.firing (watcher_id, position, attestation_id, depth)
    SELECT id, %s, %s, %s FROM qntx.watcher WHERE id = %s ON CONFLICT DO NOTHING
"""
_FIRING = "number, watcher_id, position, attestation_id, failures, due_ms, depth, error"
_TALLY = """
    fire_count, error_count, last_error, last_fired_at_ms,
    (SELECT count(*) FROM qntx.firing WHERE watcher_id = watcher.id)
"""


class PostgresWatcherStore(PostgresRoom):
    """An async context manager over an open database; methods as of WatcherStore."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, NAME, SCHEMA)

    async def watchers(self) -> list[Watcher]:
        return [_watcher(row) for row in await self._read(f"SELECT {COLUMNS} FROM qntx.watcher ORDER BY number")]

    async def version(self) -> int:
        """Counted up by every change of a watcher, by whichever host. Read it before `watchers`."""
        ((version,),) = await self._read("SELECT version FROM qntx.watching")
        return int(version)

    async def save(self, watchers: Sequence[Watcher]) -> None:
        rows = [_row(watcher) for watcher in watchers]
        await self._change(_SAVE, rows)

    async def delete(self, ids: Sequence[str]) -> None:
        await self._change("DELETE FROM qntx.watcher WHERE id = %s", [(id_,) for id_ in ids])

    async def tallies(self) -> dict[str, Tally]:
        return {row[0]: Tally(*row[1:]) for row in await self._read(f"SELECT id, {_TALLY} FROM qntx.watcher")}

    async def history(self, watcher_id: str, limit: int) -> list[Fired]:
        rows = await self._read(
            "SELECT attestation_id, at_ms, attempts, error, output FROM qntx.fired "
            "WHERE watcher_id = %s ORDER BY number DESC LIMIT %s",
            (watcher_id, limit),
        )
        return [Fired(*row) for row in rows]

    async def cursor(self) -> int | None:
        ((position,),) = await self._read("SELECT position FROM qntx.watching")
        return None if position is None else int(position)

    async def enqueue(self, firings: Sequence[Firing], cursor: int, *, version: int | None = None) -> None:
        """Keep what is to run and how far the matching is, both or neither.

        Firings that lie at or below the cursor of all hosts are theirs already. Raises Stale where the firings were
        found with another `version` of the watchers than the present one.
        """

        def write(connection: Connection) -> None:
            row = connection.execute("SELECT position, version FROM qntx.watching FOR UPDATE").fetchone()
            assert row is not None
            kept, present = row
            if version is not None and version != present:
                raise Stale(f"the watchers are of version {present}, not {version}")
            if kept is not None and kept >= cursor:
                return
            new = [one for one in firings if kept is None or one.position > kept]
            with connection.cursor() as many:
                many.executemany(
                    _ENQUEUE, [(one.position, one.attestation_id, one.depth, one.watcher_id) for one in new]
                )
            connection.execute("UPDATE qntx.watching SET position = %s", (cursor,))
            if new:
                notify(connection, TOPIC)

        await self._database.write(write)

    async def waiting(self) -> list[str]:
        return [row[0] for row in await self._read("SELECT DISTINCT watcher_id FROM qntx.firing")]

    async def next(self, watcher_id: str) -> Firing | None:
        rows = await self._read(
            f"SELECT {_FIRING} FROM qntx.firing WHERE watcher_id = %s ORDER BY due_ms, number LIMIT 1", (watcher_id,)
        )
        return Firing(**dict(zip(_FIRING.split(", "), rows[0], strict=True))) if rows else None

    async def postpone(self, firing: Firing, due_ms: int, error: str) -> None:
        def write(connection: Connection) -> None:
            moved = connection.execute(
                "UPDATE qntx.firing SET failures = %s, due_ms = %s, error = %s WHERE number = %s AND failures = %s",
                (firing.failures + 1, due_ms, _text(error), firing.number, firing.failures),
            )
            if moved.rowcount:
                _count_error(connection, firing.watcher_id, error)

        await self._database.write(write, self._moved_on(firing))

    async def finish(self, firing: Firing, fired: Fired) -> None:
        """It is over, one way or the other. Finished a second time, it counts nothing."""

        def write(connection: Connection) -> None:
            if not connection.execute("DELETE FROM qntx.firing WHERE number = %s", (firing.number,)).rowcount:
                return
            _remember(connection, firing.watcher_id, fired)
            if fired.error:
                _count_error(connection, firing.watcher_id, fired.error)
            else:
                connection.execute(
                    "UPDATE qntx.watcher SET fire_count = fire_count + 1, last_fired_at_ms = %s WHERE id = %s",
                    (fired.at_ms, firing.watcher_id),
                )

        await self._database.write(write, self._moved_on(firing))

    async def refuse(self, watcher_id: str, fired: Fired) -> None:
        def write(connection: Connection) -> None:
            if _count_error(connection, watcher_id, fired.error):
                _remember(connection, watcher_id, fired)

        await self._database.write(write)

    def _moved_on(self, firing: Firing) -> Callable[[Connection], bool]:
        """Whether what was done to that firing is kept: it is not as it was."""
        asked = "SELECT 1 FROM qntx.firing WHERE number = %s AND failures = %s"
        values = (firing.number, firing.failures)
        return lambda connection: connection.execute(asked, values).fetchone() is None

    async def _change(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Of watchers, as the next version of them. Done again, it changes nothing more."""

        def write(connection: Connection) -> None:
            # First, so that no host matches meanwhile with what is about to be changed.
            connection.execute("UPDATE qntx.watching SET version = version + 1")
            with connection.cursor() as many:
                many.executemany(statement, rows)
            notify(connection, TOPIC)

        await self._database.write(write, lambda connection: False)


def _count_error(connection: Connection, watcher_id: str, error: str) -> int:
    return connection.execute(
        "UPDATE qntx.watcher SET error_count = error_count + 1, last_error = %s WHERE id = %s",
        (_text(error), watcher_id),
    ).rowcount


def _remember(connection: Connection, watcher_id: str, fired: Fired) -> None:
    output = fired.output[-OUTPUT_CHARACTERS:]
    connection.execute(
        "INSERT INTO qntx.fired (watcher_id, attestation_id, at_ms, attempts, error, output) "
        "SELECT id, %s, %s, %s, %s, %s FROM qntx.watcher WHERE id = %s",
        (fired.attestation_id, fired.at_ms, fired.attempts, _text(fired.error), _text(output), watcher_id),
    )
    connection.execute(
        "DELETE FROM qntx.fired WHERE watcher_id = %s AND number <= "
        "(SELECT number FROM qntx.fired WHERE watcher_id = %s ORDER BY number DESC LIMIT 1 OFFSET %s)",
        (watcher_id, watcher_id, HISTORY),
    )


def _text(printed: str) -> str:
    """What a script printed may hold NUL, which PostgreSQL's texts do not."""
    return printed.replace("\x00", "\ufffd")


def _row(watcher: Watcher) -> tuple[Any, ...]:
    return (
        watcher.id,
        watcher.name,
        msgspec.json.encode(watcher.wanted).decode(),
        watcher.action.value,
        watcher.action_data,
        watcher.glyph,
        watcher.max_fires_per_second,
        watcher.enabled,
        watcher.plugin,
        watcher.from_position,
        watcher.created_at_ms,
        watcher.updated_at_ms,
        watcher.principal,
    )


def _watcher(row: Sequence[Any]) -> Watcher:
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    kept = msgspec.json.decode(values.pop("wanted"))
    wanted = Filter(**kept | {field: tuple(kept[field]) for field in FIELDS})
    return Watcher(**values | {"wanted": wanted, "action": Action(values["action"])})
