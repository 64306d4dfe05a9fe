"""Attestations on their way from one store to another: as they are, in the order they arrived."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import msgspec

from qntx.db.sqlite import connect_to_read
from qntx.errors import Refused
from qntx.host.store.base import AttestationStore

PAGE = 1000

_encode = msgspec.json.Encoder().encode


class Positions:
    """Where arrivals of a file stand in a database that took them in order: the n-th is at n, holes are closed."""

    def __init__(self, path: Path) -> None:
        self._connection: sqlite3.Connection = connect_to_read(path)
        asked = "SELECT count(*), coalesce(max(position), 0) FROM attestation"
        counted: tuple[int, int] = self._connection.execute(asked).fetchone()
        self._count, self._last = counted

    def close(self) -> None:
        self._connection.close()

    def there(self, position: int) -> int:
        """Where the last one up to that position stands there."""
        if self._count == self._last:
            return min(position, self._last)
        asked = "SELECT count(*) FROM attestation WHERE position <= ?"
        count: int = self._connection.execute(asked, (position,)).fetchone()[0]
        return count

    def here(self, count: int) -> int:
        """The position of the so-manieth here; 0 for none."""
        asked = "SELECT position FROM attestation ORDER BY position LIMIT 1 OFFSET ?"
        row = self._connection.execute(asked, (count - 1,)).fetchone() if count else (0,)
        if row is None:
            raise Refused("the database holds more attestations than this home; others have written to it")
        position: int = row[0]
        return position


async def copy(
    source: AttestationStore, target: AttestationStore, positions: Positions, told: Callable[[int], None]
) -> None:
    """Go on where an earlier copying ended. `told` hears how many are there."""
    there = await target.position()
    here = positions.here(there)
    told(there)
    while page := await source.after(here, limit=PAGE):
        kept = await asyncio.gather(*(target.put(attestation) for _, attestation in page))
        if not all(kept):
            raise Refused(f"attestation {page[kept.index(False)][1].id} is in the database already, out of its turn")
        there += len(page)
        here = page[-1][0]
        told(there)


async def digest(store: AttestationStore, told: Callable[[int], None]) -> str:
    """One text for everything that is kept, signatures and times included, in its order."""
    hashed = hashlib.sha256()
    count = position = 0
    while page := await store.after(position, limit=PAGE):
        await asyncio.to_thread(hashed.update, b"".join([_encode(astuple(one)) for _, one in page]))
        count += len(page)
        position = page[-1][0]
        told(count)
    return hashed.hexdigest()
