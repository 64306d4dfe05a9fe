"""Brings a database to the shape the code expects."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from qntx.errors import Unavailable


def migrate(connection: sqlite3.Connection, steps: Sequence[Sequence[str]]) -> None:
    """Apply the steps the file has not seen, all or none.

    Each step is a list of statements; a step that was released is never edited, only followed by another.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        known: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if known > len(steps):
            raise Unavailable(
                f"the database is of schema {known} and this version knows {len(steps)}: update QNTX's Python family"
            )
        for step in steps[known:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise Unavailable(f"the database could not be brought to its present shape: {error}") from error
        raise
