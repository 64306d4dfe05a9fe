"""How attestations come into PostgreSQL: everything here runs while the lock of arrivals is held.

All hosts wait for that lock, so what is asked goes to the server in one go, and what is written in another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, Cursor

from qntx.db.postgres import ARRIVALS_LOCK, lock, notify
from qntx.errors import InvalidRequest, Unavailable
from qntx.host.store.postgres_tables import COLUMN_TYPES, tokens_of
from qntx.host.store.rows import COLUMNS, COUNT_BITS, row_of
from qntx.model.attestation import Attestation

ATTEMPTS = 10
"""To find an id that is free."""

TOPIC = "attestations"
"""Of the notices that tell every host."""

FEW = 10
"""Rows that are written with the rest: up to here that is less than the way to the server and back of a COPY."""

ROW = f"INSERT INTO qntx.attestation ({COLUMNS}, position) VALUES ({', '.join(['%s'] * len(COLUMN_TYPES))})"
ROWS = f"COPY qntx.attestation ({COLUMNS}, position) FROM STDIN (FORMAT BINARY)"
TERMS = """
    INSERT INTO qntx.term (token) SELECT token FROM unnest(%s::bytea[]) AS new (token)
    WHERE NOT EXISTS (SELECT FROM qntx.term WHERE term.token = new.token)
"""
POSTS = """
    INSERT INTO qntx.post (term, number)
    SELECT term.id, new.number FROM unnest(%s::bytea[], %s::bigint[]) AS new (token, number)
    JOIN qntx.term USING (token)
"""
LAST_POSITION = "SELECT coalesce(max(position), 0) FROM qntx.attestation"
LAST_OF = """
    SELECT first >> %s, (SELECT max(number) FROM qntx.attestation WHERE number BETWEEN first AND first + %s)
    FROM unnest(%s::bigint[]) AS first
"""
PER_MS = 1 << COUNT_BITS


@dataclass(slots=True)
class Arriving:
    """What one caller brings, all of it or nothing. `insert` says what became of it."""

    claims: list[Attestation]
    renew: Callable[[int], Attestation] | None = None
    """Gives the claim at that place another id. None: ids are the caller's, and where one is kept already, so be it."""
    inserted: bool = False
    error: InvalidRequest | None = None


def insert(connection: Connection, arriving: Sequence[Arriving]) -> int:
    """Keep them; returns the last position given out."""
    claims = [claim for one in arriving for claim in one.claims]
    with connection.pipeline():
        lock(connection, ARRIVALS_LOCK)
        kept = _ask_kept(connection, [claim.id for claim in claims])
        times = _ask_last(connection, {claim.created_at_ms for claim in claims})
        last = connection.execute(LAST_POSITION)
    rows = _numbered(connection, arriving, _ids(kept), _Numbers(times))
    position = _position(last)
    if rows:
        _write(connection, rows, position)
    return position + len(rows)


def _numbered(
    connection: Connection, arriving: Sequence[Arriving], taken: set[str], numbers: _Numbers
) -> list[tuple[int, Attestation]]:
    rows: list[tuple[int, Attestation]] = []
    for one in arriving:
        one.inserted, one.error = False, None
        try:
            fresh = _with_free_ids(connection, one, taken)
            rows += [(numbers.next(claim.created_at_ms), claim) for claim in fresh]
            one.inserted = bool(fresh)
        except InvalidRequest as error:
            one.error = error
    return rows


def is_there(connection: Connection, arriving: Iterable[Arriving]) -> bool:
    """Whether what was inserted is kept. It was one transaction, so one of it says it of all."""
    first = next((one.claims[0].id for one in arriving if one.inserted), None)
    return first is None or bool(_ids(_ask_kept(connection, [first])))


def last_position(connection: Connection) -> int:
    return _position(connection.execute(LAST_POSITION))


def _position(found: Cursor) -> int:
    row = found.fetchone()
    assert row is not None
    last: int = row[0]
    return last


def _ask_kept(connection: Connection, ids: Sequence[str]) -> Cursor:
    return connection.execute("SELECT id FROM qntx.attestation WHERE id = ANY(%s)", (list(ids),))


def _ids(found: Cursor) -> set[str]:
    return {row[0] for row in found}


def _ask_last(connection: Connection, times_ms: Iterable[int]) -> Cursor:
    """For each of those milliseconds the last number given out."""
    firsts = [time_ms << COUNT_BITS for time_ms in times_ms]
    return connection.execute(LAST_OF, (COUNT_BITS, PER_MS - 1, firsts))


def _with_free_ids(connection: Connection, one: Arriving, taken: set[str]) -> list[Attestation]:
    """Its claims, renewed where their ids are taken; none of one that came with its id and is kept already."""
    if one.renew is None:
        fresh = [claim for claim in one.claims if claim.id not in taken]
        taken.update(claim.id for claim in fresh)
        return fresh
    for place, claim in enumerate(one.claims):
        if claim.id in taken:
            one.claims[place] = _renewed(connection, one.renew, place, taken)
        taken.add(one.claims[place].id)
    return one.claims


def _renewed(connection: Connection, renew: Callable[[int], Attestation], place: int, taken: set[str]) -> Attestation:
    for _ in range(ATTEMPTS):
        claim = renew(place)
        if claim.id not in taken and not _ids(_ask_kept(connection, [claim.id])):
            return claim
    raise Unavailable(f"no free id found in {ATTEMPTS} attempts; the last was {claim.id}")


def _write(connection: Connection, rows: Sequence[tuple[int, Attestation]], position: int) -> None:
    placed = [(*row_of(*row), place) for place, row in enumerate(rows, position + 1)]
    if len(rows) > FEW:
        _copy(connection, placed)
    with connection.pipeline(), connection.cursor() as cursor:
        if len(rows) <= FEW:
            cursor.executemany(ROW, placed)
        _index(cursor, rows)
        notify(connection, TOPIC)


def _copy(connection: Connection, placed: Sequence[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(ROWS) as copy:
        copy.set_types(COLUMN_TYPES)
        for row in placed:
            copy.write_row(row)


def _index(cursor: Cursor, rows: Sequence[tuple[int, Attestation]]) -> None:
    posts = [(token, number) for number, claim in rows for token in tokens_of(claim)]
    tokens = [token for token, _ in posts]
    cursor.execute(TERMS, (sorted(set(tokens)),))
    cursor.execute(POSTS, (tokens, [number for _, number in posts]))


class _Numbers:
    """The next free numbers of some milliseconds."""

    def __init__(self, last: Iterable[tuple[int, int | None]]) -> None:
        self._next: dict[int, int] = {
            time_ms: time_ms << COUNT_BITS if number is None else number + 1 for time_ms, number in last
        }

    def next(self, time_ms: int) -> int:
        number = self._next[time_ms]
        if number >> COUNT_BITS != time_ms:
            raise InvalidRequest("created_at", f"{PER_MS} attestations of {time_ms} ms are kept already")
        self._next[time_ms] = number + 1
        return number
