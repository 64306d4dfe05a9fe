"""SQLite: the schema of every table, its rows, and a profile of every column.

`ix sqlite app.db`. The file is opened for reading only. A table that cannot be read is attested as malformed and the
rest goes on.
"""

import os
import sqlite3
from urllib.parse import quote

from qntx import attest, log, progress

TEXT_MAX = 200
"""Characters kept of a value."""
PROFILED = "count(*), count({0}), count(DISTINCT {0}), min({0}), max({0}), avg({0})"


def execute(payload):
    files = payload.get("inputs") or [payload["input"]]
    return {"files": [_ingest(path) for path in files]}


def _ingest(path):
    name = os.path.basename(path)
    # immutable: the file may lie in a folder where no journal can be made beside it.
    with sqlite3.connect(f"file:{quote(os.path.abspath(path))}?mode=ro&immutable=1", uri=True) as connection:
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        try:
            tables = [
                row[0]
                for row in connection.execute(
                    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
                )
            ]
        except sqlite3.DatabaseError as fault:
            raise ValueError(f"{path} is no SQLite database: {fault}") from fault
        rows, malformed = {}, []
        for done, table in enumerate(tables):
            progress(done, len(tables), f"{name}: {table}")
            try:
                rows[table] = _table(connection, name, table)
            except sqlite3.DatabaseError as fault:
                malformed.append(table)
                log(f"{name}: table {table}: {fault}", level="warning")
                attest([f"{name}#{table}"], ["table:malformed"], [name], attributes={"fault": str(fault)})
    connection.close()
    summary = {"tables": len(tables), "rows": rows, "malformed": malformed}
    attest([name], ["database:ingested"], ["sqlite"], attributes=summary)
    progress(len(tables), len(tables), f"{name}: {len(tables)} tables")
    return {"file": name, **summary}


def _table(connection, name, table):
    columns = connection.execute(f"PRAGMA table_info({_quoted(table)})").fetchall()
    count = connection.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()[0]
    schema = {column[1]: column[2] or "any" for column in columns}
    attest([f"{name}#{table}"], ["table:ingested"], [name], attributes={"rows": count, "columns": schema})
    for _, column, declared, required, default, key in columns:
        profiled = PROFILED.format(_quoted(column))
        total, present, distinct, low, high, mean = connection.execute(
            f"SELECT {profiled} FROM {_quoted(table)}"
        ).fetchone()
        facts = {
            "type": declared or "any",
            "rows": total,
            "missing": total - present,
            "distinct": distinct,
            "min": _plain(low),
            "max": _plain(high),
            "required": bool(required),
            "default": default,
            "primary_key": bool(key),
        }
        if isinstance(low, int | float) and isinstance(high, int | float):
            facts["mean"] = mean
        attest([f"{name}#{table}.{column}"], ["column:profiled"], [name, table], attributes=facts)
    return count


def _quoted(name):
    return '"' + name.replace('"', '""') + '"'


def _plain(value):
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return value[:TEXT_MAX] if isinstance(value, str) else value
