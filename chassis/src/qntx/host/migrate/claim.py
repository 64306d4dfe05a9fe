"""Whose data a database holds: one home moves into it, and a note says which, and how far it came.

Two homes' data cannot be made one: each has an audit trail of its own, and watchers of one would fire for the past of
the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import Connection

from qntx.db.postgres import LOCKS, connect
from qntx.db.postgres_migrations import migrate
from qntx.errors import Refused

NAME = "migration"
MIGRATION_LOCK = 3

SCHEMA = (
    (
        """
        CREATE TABLE qntx.migration (
            node text PRIMARY KEY,
            started_at timestamptz NOT NULL DEFAULT now(),
            finished_at timestamptz,
            attestations bigint NOT NULL DEFAULT 0
        )
        """,
        "CREATE TABLE qntx.migrated (node text NOT NULL, file text NOT NULL, PRIMARY KEY (node, file))",
    ),
)

HELD = """
    SELECT coalesce(
        (SELECT 'attestations' FROM qntx.attestation LIMIT 1), (SELECT 'watchers' FROM qntx.watcher LIMIT 1),
        (SELECT 'glyphs' FROM qntx.glyph LIMIT 1), (SELECT 'jobs' FROM qntx.job LIMIT 1),
        (SELECT 'schedules' FROM qntx.schedule LIMIT 1), (SELECT 'capsules' FROM quantumpipes_capsules LIMIT 1)
    )
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """An earlier migration of this home: when it was done, and how many attestations it was of."""

    at: str
    attestations: int


@contextmanager
def alone(url: str) -> Iterator[Connection]:
    """A connection that holds the migration's lock. Raises Refused where somebody else is at it."""
    with connect(url) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCKS, MIGRATION_LOCK)).fetchone()
        if row is None or not row[0]:
            raise Refused("another migration into this database is under way")
        yield connection


def begin(connection: Connection, node: str) -> Finished | None:
    """Claim the database for that node; where its migration was finished before, what it was. All tables are there."""
    migrate(connection, NAME, SCHEMA)
    row = connection.execute("SELECT finished_at, attestations FROM qntx.migration WHERE node = %s", (node,)).fetchone()
    if row is not None:
        return Finished(f"{row[0]:%Y-%m-%d %H:%M}", row[1]) if row[0] else None
    held = connection.execute(HELD).fetchone()
    if held is not None and held[0]:
        raise Refused(
            f"the database holds {held[0]} of other hosts, and two homes' data cannot be made one: migrate into an "
            "empty database, or start this home's host with `--database` as it is, and it joins them without its past"
        )
    connection.execute("INSERT INTO qntx.migration (node) VALUES (%s)", (node,))
    return None


def finish(connection: Connection, node: str, attestations: int) -> None:
    connection.execute(
        "UPDATE qntx.migration SET finished_at = now(), attestations = %s WHERE node = %s", (attestations, node)
    )


def is_migrated(connection: Connection, node: str, file: str) -> bool:
    asked = "SELECT 1 FROM qntx.migrated WHERE node = %s AND file = %s"
    return connection.execute(asked, (node, file)).fetchone() is not None


def note_migrated(connection: Connection, node: str, file: str) -> None:
    connection.execute("INSERT INTO qntx.migrated VALUES (%s, %s)", (node, file))
