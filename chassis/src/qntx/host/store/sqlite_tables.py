"""The tables of the SQLite store: their shape, what goes into a row, what is asked of them.

Rows are numbered by when they were taken (milliseconds << 20 | count), so the order of the table and of the index is
"newest first" read backwards and no answer is ever sorted. `position` counts arrivals beside that: an attestation that
comes with an older time of its own gets an older number, but the next position.

The index holds one token for each term: a letter for the field and the UTF-8 of the folded term in hex, so that any
characters compare exactly. It keeps no texts of its own (contentless) and no places in them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from qntx.host.store.rows import COLUMNS, attestation_of, row_of
from qntx.host.store.terms import FIELDS
from qntx.model.attestation import Attestation, Filter

SCHEMA = (
    (
        """
        CREATE TABLE attestation (
            number INTEGER PRIMARY KEY,
            position INTEGER NOT NULL UNIQUE,
            id TEXT NOT NULL UNIQUE,
            timestamp_ms INTEGER NOT NULL,
            subjects TEXT NOT NULL,
            predicates TEXT NOT NULL,
            contexts TEXT NOT NULL,
            actors TEXT NOT NULL,
            source TEXT NOT NULL,
            attributes TEXT NOT NULL,
            signature BLOB NOT NULL,
            signer_did TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX attestation_timestamp ON attestation (timestamp_ms)",
        """
        CREATE VIRTUAL TABLE term USING fts5
            (token, content = '', detail = none, columnsize = 0, tokenize = 'ascii')
        """,
    ),
    (
        # A row that has two terms is sought in the longer list of rows page by page, and a page is read from its start.
        "INSERT INTO term (term, rank) VALUES ('pgsz', 1000)",
        # What `merge_terms` merges.
        "INSERT INTO term (term, rank) VALUES ('usermerge', 2)",
    ),
)

MERGED_PAGES = 200
"""Of the index, in one step: a few milliseconds."""

INSERT_ROW = f"INSERT OR IGNORE INTO attestation ({COLUMNS}, position) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
_FIELDS = tuple(zip("spca", FIELDS, strict=True))

Numbered = tuple[int, Attestation]
"""A row's number, and what is in it."""


def question(wanted: Filter, below: int | None, limit: int | None) -> tuple[str, list[Any]]:
    """The statement and its values."""
    phrase = _phrase(wanted)
    number = "term.rowid" if phrase else "number"
    asked: list[tuple[str, Any]] = [
        ("term MATCH ?", phrase or None),
        (f"{number} < ?", below),
        ("timestamp_ms >= ?", wanted.since_ms),
        ("timestamp_ms <= ?", wanted.until_ms),
    ]
    conditions = [condition for condition, value in asked if value is not None]
    values = [value for _, value in asked if value is not None]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    values.append(-1 if limit is None else limit)
    return _statement(bool(phrase), where), values


def _statement(by_term: bool, where: str) -> str:
    if by_term:
        # CROSS JOIN holds the planner to the index first, whose order is that of the answer.
        joined = "term CROSS JOIN attestation ON attestation.number = term.rowid"
        return f"SELECT {COLUMNS} FROM {joined}{where} ORDER BY term.rowid DESC LIMIT ?"
    # The inner question is answered from the times' index alone; whole rows are read only of what is given out.
    inner = f"SELECT number FROM attestation{where} ORDER BY number DESC LIMIT ?"
    return f"SELECT {COLUMNS} FROM attestation WHERE number IN ({inner}) ORDER BY number DESC"


def _phrase(wanted: Filter) -> str:
    """The question in the index's own words; empty where no term is asked for."""
    by_field: dict[str, list[str]] = {}
    for letter, field in _FIELDS:
        if asked := getattr(wanted, field):
            by_field[field] = [_token(letter, term) for term in asked]
    return " AND ".join(f"({' OR '.join(tokens)})" for tokens in by_field.values())


def numbered(row: Sequence[Any]) -> Numbered:
    return row[0], attestation_of(row)


def insert_rows(connection: sqlite3.Connection, rows: Sequence[Numbered], last: int) -> bool:
    """Into the positions after `last`. False, and none of them kept, where a number or an id is taken already."""
    positioned = ((*row_of(*row), position) for position, row in enumerate(rows, last + 1))
    if not rows or connection.executemany(INSERT_ROW, positioned).rowcount == len(rows):
        return True
    connection.execute("DELETE FROM attestation WHERE position > ?", (last,))
    return False


def index_terms(connection: sqlite3.Connection, rows: Iterable[Numbered]) -> None:
    connection.executemany(
        "INSERT INTO term (rowid, token) VALUES (?, ?)",
        ((number, " ".join(_tokens(attestation))) for number, attestation in rows),
    )


def merge_terms(connection: sqlite3.Connection) -> bool:
    """One step of merging what single inserts have left in pieces, for every question looks into each of them.

    Pieces of a size are merged in pairs, so that a row is merged again only when there are twice as many. False where
    there was nothing to merge; SQLite counts the statement itself as one change.
    """
    before = connection.total_changes
    connection.execute("INSERT INTO term (term, rank) VALUES ('merge', ?)", (MERGED_PAGES,))
    return connection.total_changes - before > 1


def _tokens(attestation: Attestation) -> set[str]:
    return {_token(letter, term) for letter, field in _FIELDS for term in getattr(attestation, field)}


@lru_cache(maxsize=16_384)
def _token(letter: str, term: str) -> str:
    """Folds as `fold` does: lower() of bytes changes ASCII letters alone."""
    return letter + term.encode().lower().hex()
