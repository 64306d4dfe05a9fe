"""Where jobs, their lines and schedules are kept: statements only.

The row is the truth about a job; the queue only carries its id. The tables in PostgreSQL, in postgres_tables, have the
same names and columns, so that the statements here are for both.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from qntx.host.pulse.api import JobFilter, Stage
from qntx.host.pulse.backend import Rows
from qntx.model.job import Grants, Job, JobOutcome, JobState, LogLine, Retry
from qntx.model.schedule import Schedule, ScheduleState

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE job (
            id TEXT PRIMARY KEY, handler_name TEXT NOT NULL, payload_json BLOB NOT NULL, source TEXT NOT NULL,
            state TEXT NOT NULL, priority INTEGER NOT NULL, timeout_seconds REAL NOT NULL,
            retry_attempts INTEGER NOT NULL, retry_delay_seconds REAL NOT NULL, parent_id TEXT NOT NULL,
            created_at_ms INTEGER NOT NULL, due_at_ms INTEGER NOT NULL, started_at_ms INTEGER NOT NULL,
            ended_at_ms INTEGER NOT NULL, attempts INTEGER NOT NULL, generation INTEGER NOT NULL,
            progress_current REAL NOT NULL, progress_total REAL, progress_message TEXT NOT NULL,
            result_json BLOB NOT NULL, error TEXT NOT NULL, waiting_for TEXT NOT NULL,
            cost_estimate REAL NOT NULL, cost_actual REAL NOT NULL, plugin_version TEXT NOT NULL,
            grants_json TEXT NOT NULL, delivered INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        "CREATE INDEX job_by_state ON job (state, created_at_ms)",
        "CREATE INDEX job_by_source ON job (source, handler_name) WHERE state IN ('queued', 'running', 'paused')",
        "CREATE INDEX job_by_parent ON job (parent_id) WHERE parent_id <> ''",
        "CREATE INDEX job_by_time ON job (created_at_ms)",
        """
        CREATE TABLE job_line (
            number INTEGER PRIMARY KEY, job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
            timestamp_ms INTEGER NOT NULL, level TEXT NOT NULL, message TEXT NOT NULL, stage TEXT NOT NULL,
            metadata_json TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX job_line_by_job ON job_line (job_id, number)",
        """
        CREATE TABLE schedule (
            id TEXT PRIMARY KEY, handler_name TEXT NOT NULL, interval_seconds REAL NOT NULL, cron TEXT NOT NULL,
            payload_json BLOB NOT NULL, ats_code TEXT NOT NULL, source TEXT NOT NULL, metadata_json TEXT NOT NULL,
            declared_by TEXT NOT NULL, state TEXT NOT NULL, next_run_at_ms INTEGER NOT NULL,
            created_at_ms INTEGER NOT NULL, updated_at_ms INTEGER NOT NULL, last_run_at_ms INTEGER NOT NULL,
            last_job_id TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX schedule_due ON schedule (state, next_run_at_ms)",
    ),
    (
        "ALTER TABLE job ADD COLUMN principal TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE schedule ADD COLUMN principal TEXT NOT NULL DEFAULT ''",
    ),
)

JOB_COLUMNS = (
    "id, handler_name, payload_json, source, state, priority, timeout_seconds, retry_attempts, retry_delay_seconds, "
    "parent_id, created_at_ms, due_at_ms, started_at_ms, ended_at_ms, attempts, generation, progress_current, "
    "progress_total, progress_message, result_json, error, waiting_for, cost_estimate, cost_actual, plugin_version, "
    "grants_json, principal"
)
SCHEDULE_COLUMNS = (
    "id, handler_name, interval_seconds, cron, payload_json, ats_code, source, metadata_json, declared_by, state, "
    "next_run_at_ms, created_at_ms, updated_at_ms, last_run_at_ms, last_job_id, principal"
)


def insert_job(rows: Rows, job: Job) -> bool:
    """False where one of that id is kept already: that one stands."""
    row = (
        *(job.id, job.handler_name, job.payload_json, job.source, job.state.value, job.priority, job.timeout_seconds),
        *(job.retry.attempts, job.retry.delay_seconds, job.parent_id, job.created_at_ms, job.due_at_ms),
        *(job.started_at_ms, job.ended_at_ms, job.attempts, job.generation, job.progress_current, job.progress_total),
        *(job.progress_message, job.result_json, job.error, job.waiting_for, job.cost_estimate, job.cost_actual),
        *(job.plugin_version, _grants(job), job.principal),
    )
    statement = f"INSERT INTO {rows.schema}job ({JOB_COLUMNS}) VALUES ({_marks(len(row))}) ON CONFLICT DO NOTHING"
    return rows.execute(statement, row).rowcount > 0


def begin(rows: Rows, job_id: str, generation: int, now_ms: int) -> Job | None:
    """Its next run starts, if it still waits for it."""
    return _changed(
        rows,
        "state = 'running', started_at_ms = ?, attempts = attempts + 1, waiting_for = ''",
        (now_ms,),
        "id = ? AND generation = ? AND state = 'queued'",
        (job_id, generation),
    )


def end(rows: Rows, running: Job, state: JobState, outcome: JobOutcome, now_ms: int) -> Job | None:
    """That run is over, if it still counts."""
    return _changed(
        rows,
        "state = ?, ended_at_ms = ?, result_json = ?, error = ?, cost_actual = cost_actual + ?, plugin_version = ?",
        (
            *(state.value, now_ms, outcome.result_json, outcome.error, outcome.cost),
            outcome.plugin_version or running.plugin_version,
        ),
        "id = ? AND generation = ? AND state = 'running'",
        (running.id, running.generation),
    )


def deliver(rows: Rows, deliveries: Collection[tuple[str, int]]) -> None:
    """The queue has these, each with its generation. Of one that has begun nobody needs to know any more."""
    rows.executemany(
        f"UPDATE {rows.schema}job SET delivered = ? WHERE id = ? AND state = 'queued'",
        [(generation, job_id) for job_id, generation in deliveries],
    )


def job(rows: Rows, job_id: str) -> Job | None:
    row = rows.execute(f"SELECT {JOB_COLUMNS} FROM {rows.schema}job WHERE id = ?", (job_id,)).fetchone()
    return None if row is None else _job(row)


def held_job(rows: Rows, job_id: str) -> Job | None:
    """The same for whoever is about to change it."""
    row = rows.execute(f"SELECT {JOB_COLUMNS} FROM {rows.schema}job WHERE id = ?{rows.held}", (job_id,)).fetchone()
    return None if row is None else _job(row)


def standing(rows: Rows, job_ids: Collection[str]) -> dict[str, tuple[int, JobState]]:
    """The generation and state of those of them that there are."""
    found = rows.execute(
        f"SELECT id, generation, state FROM {rows.schema}job WHERE id IN ({_marks(len(job_ids))})", [*job_ids]
    )
    return {row[0]: (row[1], JobState(row[2])) for row in found}


def active_job(rows: Rows, new: Job) -> Job | None:
    """The job that is this work already. One with other grants is not: a script can name any source."""
    row = rows.execute(
        f"SELECT {JOB_COLUMNS} FROM {rows.schema}job WHERE source = ? AND substr(source, 1, 200) = substr(?, 1, 200) "
        "AND handler_name = ? AND grants_json = ? "
        "AND state IN ('queued', 'running', 'paused') ORDER BY created_at_ms LIMIT 1",
        (new.source, new.source, new.handler_name, _grants(new)),
    ).fetchone()
    return None if row is None else _job(row)


def jobs(rows: Rows, wanted: JobFilter, limit: int, offset: int) -> list[Job]:
    conditions, values = _conditions(wanted)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    found = rows.execute(
        f"SELECT {JOB_COLUMNS} FROM {rows.schema}job {where} ORDER BY created_at_ms DESC, rowid DESC LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    return [_job(row) for row in found]


def undelivered(rows: Rows, limit: int) -> list[Job]:
    """Queued jobs that the queue may never have heard of."""
    found = rows.execute(
        f"SELECT {JOB_COLUMNS} FROM {rows.schema}job WHERE state = 'queued' AND delivered < generation "
        "ORDER BY created_at_ms LIMIT ?",
        (limit,),
    )
    return [_job(row) for row in found]


def ended_before(rows: Rows, before_ms: int, limit: int) -> list[str]:
    found = rows.execute(
        f"SELECT id FROM {rows.schema}job "
        "WHERE state IN ('completed', 'failed', 'cancelled') AND ended_at_ms < ? LIMIT ?",
        (before_ms, limit),
    )
    return [row[0] for row in found]


def forget(rows: Rows, job_ids: list[str]) -> None:
    rows.executemany(f"DELETE FROM {rows.schema}job WHERE id = ?", [(job_id,) for job_id in job_ids])


def counts(rows: Rows) -> dict[str, int]:
    return dict(rows.execute(f"SELECT state, count(*) FROM {rows.schema}job GROUP BY state").fetchall())


def change(rows: Rows, job_id: str, **columns: Any) -> None:
    names = ", ".join(f"{name} = ?" for name in columns)
    rows.execute(f"UPDATE {rows.schema}job SET {names} WHERE id = ?", (*columns.values(), job_id))


def insert_lines(rows: Rows, job_id: str, lines: tuple[LogLine, ...]) -> None:
    rows.executemany(
        f"INSERT INTO {rows.schema}job_line (job_id, timestamp_ms, level, message, stage, metadata_json) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [(job_id, line.timestamp_ms, line.level, line.message, line.stage, line.metadata_json) for line in lines],
    )


def lines(rows: Rows, job_id: str, after: int, limit: int) -> list[tuple[int, LogLine]]:
    found = rows.execute(
        f"SELECT number, timestamp_ms, level, message, stage, metadata_json FROM {rows.schema}job_line "
        "WHERE job_id = ? AND number > ? ORDER BY number LIMIT ?",
        (job_id, after, limit),
    )
    return [(row[0], LogLine(*row[1:])) for row in found]


def stages(rows: Rows, job_id: str) -> list[Stage]:
    """In the order in which they began."""
    found = rows.execute(
        f"SELECT stage, count(*), min(timestamp_ms), max(timestamp_ms) FROM {rows.schema}job_line "
        "WHERE job_id = ? GROUP BY stage ORDER BY min(number)",
        (job_id,),
    )
    return [Stage(*row) for row in found]


def insert_schedule(rows: Rows, schedule: Schedule) -> None:
    row = (
        *(schedule.id, schedule.handler_name, schedule.interval_seconds, schedule.cron, schedule.payload_json),
        *(schedule.ats_code, schedule.source, schedule.metadata_json, schedule.declared_by, schedule.state.value),
        *(schedule.next_run_at_ms, schedule.created_at_ms, schedule.updated_at_ms, schedule.last_run_at_ms),
        *(schedule.last_job_id, schedule.principal),
    )
    rows.execute(f"INSERT INTO {rows.schema}schedule ({SCHEDULE_COLUMNS}) VALUES ({_marks(len(row))})", row)


def schedule(rows: Rows, schedule_id: str) -> Schedule | None:
    row = rows.execute(f"SELECT {SCHEDULE_COLUMNS} FROM {rows.schema}schedule WHERE id = ?", (schedule_id,)).fetchone()
    return None if row is None else _schedule(row)


def schedules(rows: Rows) -> list[Schedule]:
    found = rows.execute(f"SELECT {SCHEDULE_COLUMNS} FROM {rows.schema}schedule ORDER BY created_at_ms, rowid")
    return [_schedule(row) for row in found]


def schedules_due(rows: Rows, now_ms: int) -> list[Schedule]:
    found = rows.execute(
        f"SELECT {SCHEDULE_COLUMNS} FROM {rows.schema}schedule WHERE state = 'active' AND next_run_at_ms <= ? "
        "ORDER BY next_run_at_ms",
        (now_ms,),
    )
    return [_schedule(row) for row in found]


def change_schedule(rows: Rows, schedule_id: str, **columns: Any) -> None:
    names = ", ".join(f"{name} = ?" for name in columns)
    rows.execute(f"UPDATE {rows.schema}schedule SET {names} WHERE id = ?", (*columns.values(), schedule_id))


def move_schedule_on(rows: Rows, seen: Schedule, next_run_at_ms: int) -> None:
    """Unless it is not at that tick any more."""
    rows.execute(
        f"UPDATE {rows.schema}schedule SET next_run_at_ms = ? WHERE id = ? AND next_run_at_ms = ? AND state = 'active'",
        (next_run_at_ms, seen.id, seen.next_run_at_ms),
    )


def _changed(rows: Rows, changes: str, values: tuple[Any, ...], where: str, asked: tuple[Any, ...]) -> Job | None:
    statement = f"UPDATE {rows.schema}job SET {changes} WHERE {where} RETURNING {JOB_COLUMNS}"
    found = rows.execute(statement, (*values, *asked)).fetchall()
    return _job(found[0]) if found else None


def _conditions(wanted: JobFilter) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    if wanted.states:
        conditions.append(f"state IN ({_marks(len(wanted.states))})")
        values += [state.value for state in sorted(wanted.states)]
    for column in ("handler_name", "source", "parent_id"):
        if value := getattr(wanted, column):
            conditions.append(f"{column} = ?")
            values.append(value)
    if wanted.ingested_by:
        # Their source is what was typed.
        conditions.append("(source = ? OR substr(source, 1, ?) = ?)")
        first = f"ix {wanted.ingested_by} "
        values += [first.rstrip(), len(first), first]
    return conditions, values


def _grants(job: Job) -> str:
    return json.dumps(asdict(job.grants))


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _job(row: tuple[Any, ...]) -> Job:
    values = dict(zip(JOB_COLUMNS.split(", "), row, strict=True))
    retry = Retry(values.pop("retry_attempts"), values.pop("retry_delay_seconds"))
    given = json.loads(values.pop("grants_json"))
    grants = Grants(**given | {"readable_paths": tuple(given["readable_paths"])})
    return Job(**values | {"state": JobState(values["state"]), "retry": retry, "grants": grants})


def _schedule(row: tuple[Any, ...]) -> Schedule:
    values = dict(zip(SCHEDULE_COLUMNS.split(", "), row, strict=True))
    return Schedule(**values | {"state": ScheduleState(values["state"])})
