"""Attestations in one SQLite file, found through a full-text index of exact terms."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from qntx.db.file import File
from qntx.db.sqlite import Synchronous
from qntx.errors import InvalidRequest, Unavailable
from qntx.host.store.admission import admit, in_batch, readmit
from qntx.host.store.claim import Signer, signed
from qntx.host.store.paging import paged
from qntx.host.store.rows import COLUMNS, COUNT_BITS, attestation_of, row_of
from qntx.host.store.sqlite_tables import INSERT_ROW, SCHEMA, index_terms, insert_rows, merge_terms, numbered, question
from qntx.model.attestation import Attestation, Draft, Filter
from qntx.model.identity import RANDOM_BYTES

ATTEMPTS = 10
"""To find an id, and a number, that is free."""

FOREIGN_WRITES_SECONDS = 1.0
"""How often to look for what another process, such as a command, has written to the same file."""

LOG_PAGES = 16_384
"""64 MiB. Ids are random, so each lands on a page of its own; a longer log writes a page back once for many of them."""

T = TypeVar("T")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class SQLiteStore:
    """One writer and several readers over one file."""

    def __init__(
        self,
        path: Path,
        signer: Signer | None = None,
        *,
        synchronous: Synchronous = "FULL",
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._file = File(
            path, SCHEMA, "attestations", synchronous=synchronous, log_pages=LOG_PAGES, upkeep=merge_terms
        )
        self._numbers = _Numbers(now_ms)
        self._signer = signer
        self._latest = 0
        self._arrival = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._file.__aenter__()
        self._latest = await self.position()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def add(self, draft: Draft) -> Attestation:
        return (await self.add_many((draft,)))[0]

    async def add_many(self, drafts: Sequence[Draft]) -> list[Attestation]:
        added, position = await self._file.write(lambda connection: self._insert_drafts(connection, drafts))
        self._announce(position)
        return added

    async def put(self, attestation: Attestation) -> bool:
        admitted = signed(readmit(attestation, self._numbers.now_ms()), self._signer)
        position = await self._file.write(lambda connection: self._insert_given(connection, admitted))
        self._announce(position)
        return position > 0

    async def get(self, attestation_id: str) -> Attestation | None:
        rows = await self._read(f"SELECT {COLUMNS} FROM attestation WHERE id = ?", (attestation_id,), attestation_of)
        return rows[0] if rows else None

    async def find(self, wanted: Filter, *, limit: int | None = None) -> list[Attestation]:
        if limit == 0:
            return []
        return await self._read(*question(wanted, None, limit), attestation_of)

    def stream(self, wanted: Filter, *, limit: int | None = None) -> AsyncIterator[Attestation]:
        return paged(lambda below, size: self._read(*question(wanted, below, size), numbered), limit)

    async def after(self, position: int, *, limit: int) -> list[tuple[int, Attestation]]:
        return await self._read(
            f"SELECT {COLUMNS}, position FROM attestation WHERE position > ? ORDER BY position LIMIT ?",
            (position, limit),
            lambda row: (row[-1], attestation_of(row[:-1])),
        )

    async def position(self) -> int:
        return await self._file.read(_last_position)

    async def arrived(self, position: int) -> None:
        while self._latest <= position:
            arrival = self._arrival
            try:
                await asyncio.wait_for(arrival.wait(), FOREIGN_WRITES_SECONDS)
            except TimeoutError:
                self._latest = max(self._latest, await self.position())

    async def aclose(self) -> None:
        await self._file.aclose()

    async def _read(self, statement: str, values: Sequence[Any], made: Callable[[Any], T]) -> list[T]:
        """The answer's rows, each made into something in the reader's thread."""
        return await self._file.read(lambda connection: [made(row) for row in connection.execute(statement, values)])

    def _announce(self, position: int) -> None:
        if position > self._latest:
            self._latest = position
            self._arrival.set()
            self._arrival = asyncio.Event()

    # In the writer's thread:

    def _insert_drafts(self, connection: sqlite3.Connection, drafts: Sequence[Draft]) -> tuple[list[Attestation], int]:
        last = _last_position(connection)
        for _ in range(ATTEMPTS):
            numbers = [self._numbers.next(connection) for _ in drafts]
            added = self._admitted(drafts, numbers)
            rows = list(zip(numbers, added, strict=True))
            if insert_rows(connection, rows, last):
                index_terms(connection, rows)
                return added, last + len(added)
            self._numbers.reload(connection)
        raise Unavailable(f"no free ids were found in {ATTEMPTS} attempts")

    def _admitted(self, drafts: Sequence[Draft], numbers: Sequence[int]) -> list[Attestation]:
        random = os.urandom(RANDOM_BYTES * len(drafts))
        admitted = []
        for index, (draft, number) in enumerate(zip(drafts, numbers, strict=True)):
            own = random[index * RANDOM_BYTES : (index + 1) * RANDOM_BYTES]
            try:
                admitted.append(signed(admit(draft, number >> COUNT_BITS, own), self._signer))
            except InvalidRequest as error:
                raise (error if len(drafts) == 1 else in_batch(error, index)) from None
        return admitted

    def _insert_given(self, connection: sqlite3.Connection, attestation: Attestation) -> int:
        """Its position, or 0 where its id is taken."""
        position = _last_position(connection) + 1
        number = self._numbers.at(connection, attestation.created_at_ms)
        if not connection.execute(INSERT_ROW, (*row_of(number, attestation), position)).rowcount:
            return 0
        index_terms(connection, [(number, attestation)])
        return position


class _Numbers:
    """Gives out the numbers of rows. In the writer's thread only."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self._last = 0

    def next(self, connection: sqlite3.Connection) -> int:
        """One for now, above every one given before: a clock set back does not put new rows behind old ones."""
        now_ms = self.now_ms()
        if now_ms > self._last >> COUNT_BITS:
            self._last = self.at(connection, now_ms)
        else:
            self._last += 1
        return self._last

    def at(self, connection: sqlite3.Connection, created_at_ms: int) -> int:
        """The first free one of that millisecond."""
        first = created_at_ms << COUNT_BITS
        last = first + (1 << COUNT_BITS) - 1
        taken = connection.execute(
            "SELECT max(number) FROM attestation WHERE number BETWEEN ? AND ?", (first, last)
        ).fetchone()[0]
        if taken == last:
            raise InvalidRequest(
                "created_at", f"{last - first + 1} attestations of {created_at_ms} ms are kept already"
            )
        number: int = first if taken is None else taken + 1
        if first <= self._last <= last:
            self._last = number
        return number

    def reload(self, connection: sqlite3.Connection) -> None:
        """Another process has taken the one given last, or one of those to come."""
        self._last = self.at(connection, self._last >> COUNT_BITS) - 1


def _last_position(connection: sqlite3.Connection) -> int:
    last: int = connection.execute("SELECT coalesce(max(position), 0) FROM attestation").fetchone()[0]
    return last
