"""Attestations in PostgreSQL, shared by any number of hosts.

Whoever writes holds one lock from before it reads the last position until it has committed. So positions have no
holes, and come in the order of the commits: who has seen one has seen, or can see, every one below it. Each host
commits for all of its callers together, so the lock costs a commit for each host in turn, and not for each caller.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

from psycopg import Connection

from qntx.db.group import Group, Work
from qntx.db.postgres import ARRIVALS_LOCK, lock
from qntx.db.postgres_database import Database
from qntx.db.postgres_migrations import migrate
from qntx.errors import InvalidRequest, Unavailable
from qntx.host.store.admission import admit, in_batch, readmit
from qntx.host.store.claim import Signer, signed
from qntx.host.store.paging import paged
from qntx.host.store.postgres_arrivals import TOPIC, Arriving, insert, is_there, last_position
from qntx.host.store.postgres_question import TERMS, Question
from qntx.host.store.postgres_tables import SCHEMA, asked_of
from qntx.host.store.rows import COLUMNS, attestation_of
from qntx.model.attestation import Attestation, Draft, Filter
from qntx.model.identity import RANDOM_BYTES

NAME = "attestations"

_Job = Sequence[Draft] | Attestation
T = TypeVar("T")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class PostgresStore:
    """An async context manager over an open database."""

    def __init__(
        self, database: Database, signer: Signer | None = None, *, now_ms: Callable[[], int] = _now_ms
    ) -> None:
        self._database = database
        self._signer = signer
        self._now_ms = now_ms
        self._last_ms = 0
        self._session = database.session()
        self._group: Group[_Job] | None = None
        self._latest = 0
        self._arrival = asyncio.Event()
        self._stack = ExitStack()

    async def __aenter__(self) -> Self:
        await self._database.write(lambda connection: migrate(connection, NAME, SCHEMA))
        self._latest = await self.position()
        self._group = Group(self._commit, self._session.close, NAME)
        self._stack.enter_context(self._database.listen(TOPIC, self._wake))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def add(self, draft: Draft) -> Attestation:
        return (await self.add_many((draft,)))[0]

    async def add_many(self, drafts: Sequence[Draft]) -> list[Attestation]:
        kept: list[Attestation] = await self._keep(tuple(drafts))
        return kept

    async def put(self, attestation: Attestation) -> bool:
        return bool(await self._keep(signed(readmit(attestation, self._now_ms()), self._signer)))

    async def get(self, attestation_id: str) -> Attestation | None:
        if "\x00" in attestation_id:
            return None
        statement = f"SELECT {COLUMNS} FROM qntx.attestation WHERE id = %s"
        found = await self._read(statement, (attestation_id,), attestation_of)
        return found[0] if found else None

    async def find(self, wanted: Filter, *, limit: int | None = None) -> list[Attestation]:
        return [attestation for _, attestation in await self._page(wanted, None, limit)]

    def stream(self, wanted: Filter, *, limit: int | None = None) -> AsyncIterator[Attestation]:
        return paged(lambda below, size: self._page(wanted, below, size), limit)

    async def after(self, position: int, *, limit: int) -> list[tuple[int, Attestation]]:
        return await self._read(
            f"SELECT {COLUMNS}, position FROM qntx.attestation WHERE position > %s ORDER BY position LIMIT %s",
            (position, limit),
            lambda row: (row[-1], attestation_of(row[:-1])),
        )

    async def position(self) -> int:
        return await self._database.read(last_position)

    async def arrived(self, position: int) -> None:
        while self._latest <= position:
            arrival = self._arrival
            self._latest = max(self._latest, await self.position())
            if self._latest <= position:
                await arrival.wait()

    async def aclose(self) -> None:
        self._stack.close()
        group, self._group = self._group, None
        if group is not None:
            self._session.hurry()
            await asyncio.to_thread(group.close)

    def _wake(self) -> None:
        self._arrival.set()
        self._arrival = asyncio.Event()

    async def _keep(self, job: _Job) -> Any:
        if self._group is None:
            raise Unavailable("the attestation store is closed: the host is stopping")
        kept, position = await self._group.submit(job)
        if position > self._latest:
            self._latest = position
            self._wake()
        return kept

    async def _read(self, statement: str, values: Sequence[Any], made: Callable[[Any], T]) -> list[T]:
        """The answer's rows, each made into something in the reader's thread."""
        return await self._database.read(
            lambda connection: [made(row) for row in connection.execute(statement, values)]
        )

    async def _page(self, wanted: Filter, below: int | None, limit: int | None) -> list[tuple[int, Attestation]]:
        asked = Question.of(wanted, below, limit)
        tokens = list(asked_of(wanted))

        def answer(connection: Connection) -> list[tuple[int, Attestation]]:
            every = [token for field in tokens for token in field]
            known: dict[bytes, int] = dict(connection.execute(TERMS, (every,)).fetchall()) if every else {}
            fields = [{known[token] for token in field if token in known} for field in tokens]
            if not all(fields) or limit == 0:
                return []
            return [(row[0], attestation_of(row)) for row in connection.execute(*asked.statement(fields))]

        return await self._database.read(answer)

    # In the writer's thread:

    def _commit(self, group: list[Work[_Job]]) -> None:
        """Everybody's in one transaction. Signed before it begins: its lock is every host's."""
        # A clock that was set back must not put new attestations behind older ones.
        self._last_ms = max(self._now_ms(), self._last_ms)
        arriving: list[Arriving] = []
        works: list[Work[_Job]] = []
        for work in group:
            try:
                arriving.append(self._arriving(work.job))
                works.append(work)
            except InvalidRequest as error:
                work.error = error
        position = self._insert(arriving) if arriving else 0
        for work, one in zip(works, arriving, strict=True):
            kept = one.inserted if isinstance(work.job, Attestation) else one.claims
            work.result, work.error = (kept, position), one.error

    def _insert(self, arriving: Sequence[Arriving]) -> int:
        def kept(connection: Connection) -> bool:
            with connection.transaction():
                # The transaction in doubt may still be ending, and holds this until it has.
                lock(connection, ARRIVALS_LOCK)
                return is_there(connection, arriving)

        return self._session.write(lambda connection: insert(connection, arriving), kept)

    def _arriving(self, job: _Job) -> Arriving:
        if isinstance(job, Attestation):
            return Arriving([job])
        return Arriving([self._claim(job, place) for place in range(len(job))], lambda place: self._claim(job, place))

    def _claim(self, drafts: Sequence[Draft], place: int) -> Attestation:
        try:
            return signed(admit(drafts[place], self._last_ms, os.urandom(RANDOM_BYTES)), self._signer)
        except InvalidRequest as error:
            raise (error if len(drafts) == 1 else in_batch(error, place)) from None
