"""Brings tables in PostgreSQL to the shape the code expects, whoever of several hosts comes first."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import Connection

from qntx.db.postgres import LAYOUT_LOCK, lock, reason
from qntx.errors import Unavailable

VERSIONS = """
    CREATE SCHEMA IF NOT EXISTS qntx;
    CREATE TABLE IF NOT EXISTS qntx.version (name text PRIMARY KEY, steps integer NOT NULL)
"""


def migrate(connection: Connection, name: str, steps: Sequence[Sequence[str]]) -> None:
    """Apply the steps that the tables of that name have not seen, all or none.

    Each step is a list of statements; a step that was released is never edited, only followed by another.
    """
    try:
        with connection.transaction():
            lock(connection, LAYOUT_LOCK)
            connection.execute(VERSIONS)
            _apply(connection, name, steps)
    except psycopg.Error as error:
        raise Unavailable(
            f"the tables of {name} in the shared database could not be brought to their present shape: {reason(error)}"
        ) from error


def _apply(connection: Connection, name: str, steps: Sequence[Sequence[str]]) -> None:
    row = connection.execute("SELECT steps FROM qntx.version WHERE name = %s", (name,)).fetchone()
    known: int = row[0] if row else 0
    if known > len(steps):
        raise Unavailable(
            f"the tables of {name} in the shared database are of schema {known} and this version knows {len(steps)}: "
            "update QNTX's Python family"
        )
    for step in steps[known:]:
        for statement in step:
            connection.execute(statement)
    connection.execute(
        "INSERT INTO qntx.version VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET steps = excluded.steps",
        (name, len(steps)),
    )
