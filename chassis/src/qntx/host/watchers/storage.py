"""Watchers, their firings that wait and the last ones that ran, in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from qntx.db.file import File
from qntx.host.store.terms import FIELDS
from qntx.host.watchers.dispatch import Firing
from qntx.model.attestation import Filter
from qntx.model.watcher import Action, Tally, Watcher

HISTORY = 50
"""Firings that ran, remembered of each watcher."""

OUTPUT_CHARACTERS = 4000
"""Kept of what a firing printed: the end of it."""

SCHEMA = (
    (
        """
        CREATE TABLE watcher (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            wanted TEXT NOT NULL,
            action TEXT NOT NULL,
            action_data TEXT NOT NULL,
            glyph TEXT NOT NULL,
            max_fires_per_second REAL NOT NULL,
            enabled INTEGER NOT NULL,
            plugin TEXT NOT NULL,
            from_position INTEGER NOT NULL,
            created_at_ms INTEGER NOT NULL,
            updated_at_ms INTEGER NOT NULL,
            fire_count INTEGER NOT NULL DEFAULT 0,
            error_count INTEGER NOT NULL DEFAULT 0,
            last_error TEXT NOT NULL DEFAULT '',
            last_fired_at_ms INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        """
        CREATE TABLE firing (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            watcher_id TEXT NOT NULL REFERENCES watcher (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            attestation_id TEXT NOT NULL,
            failures INTEGER NOT NULL DEFAULT 0,
            due_ms INTEGER NOT NULL DEFAULT 0,
            depth INTEGER NOT NULL,
            error TEXT NOT NULL DEFAULT '',
            UNIQUE (watcher_id, position)
        ) STRICT
        """,
        "CREATE INDEX firing_due ON firing (watcher_id, due_ms, number)",
        """
        CREATE TABLE fired (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            watcher_id TEXT NOT NULL REFERENCES watcher (id) ON DELETE CASCADE,
            attestation_id TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            error TEXT NOT NULL,
            output TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX fired_by ON fired (watcher_id, number)",
        "CREATE TABLE cursor (one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL) STRICT",
    ),
    ("ALTER TABLE watcher ADD COLUMN principal TEXT NOT NULL DEFAULT ''",),
)

_COLUMNS = (
    "id, name, wanted, action, action_data, glyph, max_fires_per_second, enabled, plugin, from_position, "
    "created_at_ms, updated_at_ms, principal"
)
_SAVE = f"""
    INSERT INTO watcher ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)
    ON CONFLICT (id) DO UPDATE SET
        name = excluded.name, wanted = excluded.wanted, action = excluded.action, action_data = excluded.action_data,
        glyph = excluded.glyph, max_fires_per_second = excluded.max_fires_per_second, enabled = excluded.enabled,
        plugin = excluded.plugin, updated_at_ms = excluded.updated_at_ms, principal = excluded.principal
"""
_ENQUEUE = """
    INSERT OR IGNORE INTO firing (watcher_id, position, attestation_id, depth)
    SELECT id, ?, ?, ? FROM watcher WHERE id = ?
"""
_FIRING = "number, watcher_id, position, attestation_id, failures, due_ms, depth, error"
_TALLY = """
    fire_count, error_count, last_error, last_fired_at_ms,
    (SELECT count(*) FROM firing WHERE watcher_id = watcher.id)
"""


@dataclass(frozen=True, slots=True)
class Fired:
    """A firing that is over."""

    attestation_id: str
    at_ms: int
    attempts: int
    error: str
    output: str


class Stale(Exception):
    """The watchers were changed since that version of them; nothing was kept."""


class WatcherStore:
    """An async context manager."""

    def __init__(self, path: Path) -> None:
        self._file = File(path, SCHEMA, "watchers")

    async def __aenter__(self) -> Self:
        await self._file.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._file.aclose()

    async def watchers(self) -> list[Watcher]:
        """All of them, in the order they were made."""
        rows = await self._read(f"SELECT {_COLUMNS} FROM watcher ORDER BY rowid")
        return [_watcher(row) for row in rows]

    async def save(self, watchers: Sequence[Watcher]) -> None:
        """Make or change them. What one did, what waits for it and from where it fires stay as they are."""
        rows = [_row(watcher) for watcher in watchers]
        await self._file.write(lambda connection: connection.executemany(_SAVE, rows))

    async def delete(self, ids: Sequence[str]) -> None:
        """With everything that waits for them."""
        rows = [(id_,) for id_ in ids]
        await self._file.write(lambda connection: connection.executemany("DELETE FROM watcher WHERE id = ?", rows))

    async def tallies(self) -> dict[str, Tally]:
        return {row[0]: Tally(*row[1:]) for row in await self._read(f"SELECT id, {_TALLY} FROM watcher")}

    async def history(self, watcher_id: str, limit: int) -> list[Fired]:
        """The newest first."""
        rows = await self._read(
            "SELECT attestation_id, at_ms, attempts, error, output FROM fired "
            "WHERE watcher_id = ? ORDER BY number DESC LIMIT ?",
            (watcher_id, limit),
        )
        return [Fired(*row) for row in rows]

    async def cursor(self) -> int | None:
        """The last position whose attestation was matched; None for a new file."""
        rows = await self._read("SELECT position FROM cursor")
        position: int | None = rows[0][0] if rows else None
        return position

    async def version(self) -> int:
        """The file is one host's: nobody else changes it."""
        return 0

    async def enqueue(self, firings: Sequence[Firing], cursor: int, *, version: int | None = None) -> None:
        """Keep what is to run and how far the matching is, both or neither."""
        rows = [(one.position, one.attestation_id, one.depth, one.watcher_id) for one in firings]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(_ENQUEUE, rows)
            connection.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?)", (cursor,))

        await self._file.write(write)

    async def waiting(self) -> list[str]:
        """The watchers for which something waits."""
        return [row[0] for row in await self._read("SELECT DISTINCT watcher_id FROM firing")]

    async def next(self, watcher_id: str) -> Firing | None:
        """The one of that watcher that is due first."""
        rows = await self._read(
            f"SELECT {_FIRING} FROM firing WHERE watcher_id = ? ORDER BY due_ms, number LIMIT 1", (watcher_id,)
        )
        return Firing(**dict(zip(_FIRING.split(", "), rows[0], strict=True))) if rows else None

    async def postpone(self, firing: Firing, due_ms: int, error: str) -> None:
        """It failed and will be tried again."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE firing SET failures = failures + 1, due_ms = ?, error = ? WHERE number = ?",
                (due_ms, error, firing.number),
            )
            _count_error(connection, firing.watcher_id, error)

        await self._file.write(write)

    async def finish(self, firing: Firing, fired: Fired) -> None:
        """It is over, one way or the other."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM firing WHERE number = ?", (firing.number,))
            _remember(connection, firing.watcher_id, fired)
            if fired.error:
                _count_error(connection, firing.watcher_id, fired.error)
            else:
                connection.execute(
                    "UPDATE watcher SET fire_count = fire_count + 1, last_fired_at_ms = ? WHERE id = ?",
                    (fired.at_ms, firing.watcher_id),
                )

        await self._file.write(write)

    async def refuse(self, watcher_id: str, fired: Fired) -> None:
        """Something was not even tried; the watcher shows why."""

        def write(connection: sqlite3.Connection) -> None:
            if _count_error(connection, watcher_id, fired.error):
                _remember(connection, watcher_id, fired)

        await self._file.write(write)

    async def _read(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        return await self._file.read(lambda connection: connection.execute(statement, values).fetchall())


def _count_error(connection: sqlite3.Connection, watcher_id: str, error: str) -> int:
    return connection.execute(
        "UPDATE watcher SET error_count = error_count + 1, last_error = ? WHERE id = ?", (error, watcher_id)
    ).rowcount


def _remember(connection: sqlite3.Connection, watcher_id: str, fired: Fired) -> None:
    connection.execute(
        "INSERT INTO fired (watcher_id, attestation_id, at_ms, attempts, error, output) "
        "SELECT id, ?, ?, ?, ?, ? FROM watcher WHERE id = ?",
        (fired.attestation_id, fired.at_ms, fired.attempts, fired.error, fired.output[-OUTPUT_CHARACTERS:], watcher_id),
    )
    connection.execute(
        "DELETE FROM fired WHERE watcher_id = ?1 AND number <= "
        "(SELECT number FROM fired WHERE watcher_id = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
        (watcher_id, HISTORY),
    )


def _row(watcher: Watcher) -> tuple[Any, ...]:
    return (
        watcher.id,
        watcher.name,
        msgspec.json.encode(watcher.wanted).decode(),
        watcher.action.value,
        watcher.action_data,
        watcher.glyph,
        watcher.max_fires_per_second,
        int(watcher.enabled),
        watcher.plugin,
        watcher.from_position,
        watcher.created_at_ms,
        watcher.updated_at_ms,
        watcher.principal,
    )


def _watcher(row: Sequence[Any]) -> Watcher:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    made = {
        "wanted": _filter(values["wanted"]),
        "action": Action(values["action"]),
        "enabled": bool(values["enabled"]),
    }
    return Watcher(**values | made)


def _filter(wanted: str) -> Filter:
    kept = msgspec.json.decode(wanted)
    subjects, predicates, contexts, actors = (tuple(kept[field]) for field in FIELDS)
    return Filter(subjects, predicates, contexts, actors, kept["since_ms"], kept["until_ms"])
