"""Watchers, canvas, jobs and schedules on their way from their files to a database: row by row, each file at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection

from qntx.db import migrations
from qntx.db.sqlite import connect
from qntx.host import canvas
from qntx.host.canvas_postgres import job_of
from qntx.host.pulse import tables as pulse
from qntx.host.watchers import postgres as watchers
from qntx.host.watchers import storage
from qntx.model.job import JobState

Row = dict[str, Any]
Change = Callable[[Row], Row]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a file, as it is `shown` to a person.

    `columns` are those that go along, in `order`; `change` makes them what they are there.
    """

    name: str
    shown: str
    columns: str
    order: str
    change: Change = dict


@dataclass(frozen=True, slots=True)
class File:
    """A file's tables, in an order in which each may refer to those before it. `schema` is the file's own."""

    name: str
    path: Path
    schema: tuple[tuple[str, ...], ...]
    tables: tuple[Table, ...]


def of_watchers(path: Path, there: Callable[[int], int]) -> File:
    """`there` says where a position of the file's stands in the database."""

    def watcher(row: Row) -> Row:
        return row | {"enabled": bool(row["enabled"]), "from_position": there(row["from_position"])}

    def firing(row: Row) -> Row:
        return row | {"position": there(row["position"])}

    tallied = "fire_count, error_count, last_error, last_fired_at_ms"
    waiting = "watcher_id, position, attestation_id, failures, due_ms, depth, error"
    ran = "watcher_id, attestation_id, at_ms, attempts, error, output"
    return File(
        "watchers",
        path,
        storage.SCHEMA,
        (
            Table("watcher", "watchers", f"{watchers.COLUMNS}, {tallied}", "rowid", watcher),
            Table(
                "firing", "firings that wait", waiting, "number", lambda row: row | {"position": there(row["position"])}
            ),
            Table("fired", "firings that ran", ran, "number"),
        ),
    )


def of_canvas(path: Path) -> File:
    glyph = "id, symbol, title, x, y, width, height, content, timeout_seconds, fed_by"
    return File(
        "canvas",
        path,
        canvas.SCHEMA,
        (
            Table("glyph", "glyphs", glyph, "rowid"),
            Table(
                "result",
                "answers of glyphs",
                "glyph_id, answer",
                "rowid",
                lambda row: row | {"job_id": job_of(row["answer"])},
            ),
            Table("removed", "removed glyphs", "glyph_id", "rowid"),
        ),
    )


def of_pulse(path: Path) -> File:
    line = "job_id, timestamp_ms, level, message, stage, metadata_json"
    return File(
        "jobs",
        path,
        pulse.MIGRATIONS,
        (
            Table("job", "jobs", pulse.JOB_COLUMNS, "rowid", _job),
            Table("job_line", "lines of jobs", line, "number"),
            Table("schedule", "schedules", pulse.SCHEDULE_COLUMNS, "rowid"),
        ),
    )


def opened(file: File) -> sqlite3.Connection:
    """Brought to its present shape first: an older version may have written it."""
    connection = connect(file.path)
    try:
        migrations.migrate(connection, file.schema)
    except BaseException:
        connection.close()
        raise
    return connection


def counts(source: sqlite3.Connection, file: File) -> Mapping[str, int]:
    return {table.name: source.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0] for table in file.tables}


def counts_there(target: Connection, file: File) -> Mapping[str, int]:
    counted = {}
    for table in file.tables:
        row = target.execute(f"SELECT count(*) FROM qntx.{table.name}").fetchone()
        counted[table.name] = row[0] if row else 0
    return counted


def copy(source: sqlite3.Connection, target: Connection, file: File) -> None:
    """In the caller's transaction."""
    for table in file.tables:
        rows = _rows(source, table)
        first = next(rows, None)
        if first is None:
            continue
        into = f"COPY qntx.{table.name} ({', '.join(first)}) FROM STDIN"
        with target.cursor() as cursor, cursor.copy(into) as copying:
            copying.write_row(_fit(first))
            for row in rows:
                copying.write_row(_fit(row))


def _rows(source: sqlite3.Connection, table: Table) -> Iterator[Row]:
    names = table.columns.split(", ")
    for values in source.execute(f"SELECT {table.columns} FROM {table.name} ORDER BY {table.order}"):
        yield table.change(dict(zip(names, values, strict=True)))


def _fit(row: Row) -> list[Any]:
    """What a script printed may hold NUL, which PostgreSQL's texts do not."""
    return [value.replace("\x00", "\ufffd") if isinstance(value, str) else value for value in row.values()]


def _result(row: Row) -> Row:
    return row | {"job_id": job_of(row["answer"])}


def _job(row: Row) -> Row:
    """What ran when the host ended runs again, as the next host to look would have had it. The queue starts anew."""
    if row["state"] == JobState.RUNNING:
        row = row | {"state": str(JobState.QUEUED), "generation": row["generation"] + 1, "waiting_for": ""}
    return row | {"delivered": 0 if row["state"] in (JobState.QUEUED, JobState.PAUSED) else row["generation"]}
