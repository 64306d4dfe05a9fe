"""Capsules in PostgreSQL, one chain a tenant, shared by any number of machines.

Table and columns are those of the protocol's reference library; what only we keep stands in tables beside it. A batch
is one transaction that holds an advisory lock for each chain it extends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow
from qp_capsule.capsule import Capsule, CapsuleType

from qntx.capsules import capsule as capsules
from qntx.capsules.head import Head
from qntx.capsules.merkle import Node
from qntx.capsules.record import Draft, Record
from qntx.capsules.seal import Seal
from qntx.capsules.storage.postgres_connection import LAYOUT_LOCK, Connection, Reader, connect, named
from qntx.capsules.storage.writer import Writer
from qntx.errors import ChainConflictError, StorageError

COLUMNS = ",".join(Record._fields)
SELECT = f"select {COLUMNS} from quantumpipes_capsules"
INSERT = f"insert into quantumpipes_capsules ({COLUMNS}) values ({','.join(['%s'] * 13)})"
KEEP = "insert into qntx_kept values (%s,%s) on conflict (name) do update set text = excluded.text"
KEEP_NODE = """insert into qntx_nodes values (%s,%s,%s,%s)
    on conflict (chain, level, position) do update set hash = excluded.hash"""
CHAIN = "tenant_id is not distinct from %s"


@dataclass(frozen=True, slots=True)
class _Append:
    draft: Draft
    seal: Seal
    tenant_id: str | None


@dataclass(frozen=True, slots=True)
class _Insert:
    record: Record

    @property
    def tenant_id(self) -> str | None:
        return self.record.tenant_id


_Job = _Append | _Insert


class PostgresCapsuleStorage:
    """Without a tenant, `list` and `count` ask for everybody's, and sealing extends the chain that is nobody's."""

    def __init__(self, database_url: str) -> None:
        self.database_url = f"postgresql://{database_url.partition('://')[2]}"
        self._connection: Connection | None = None
        self._writer: Writer[_Job, Any] = Writer(self._commit, self._release)
        self._reader = Reader(self.database_url)

    def append(self, draft: Draft, seal: Seal, tenant_id: str | None = None) -> Future[Record]:
        filed = draft._replace(session_id=named(draft.session_id))
        return self._writer.submit(_Append(filed, seal, named(tenant_id)))

    async def store(self, capsule: Capsule, tenant_id: str | None = None) -> Capsule:
        await self.restore([capsules.to_record(capsule, tenant_id)])
        return capsule

    async def restore(self, records: Sequence[Record]) -> None:
        """Keep sealed records of another storage as they are, each at the place it says."""
        kept = [self._writer.submit(_Insert(_filed(record))) for record in records]
        await asyncio.shield(asyncio.gather(*map(asyncio.wrap_future, kept)))

    async def get(self, capsule_id: str | UUID, tenant_id: str | None = None) -> Capsule | None:
        where = "where id = %s and (%s::text is null or tenant_id = %s)"
        return _first(await self._records(where, str(capsule_id).lower(), tenant_id, tenant_id))

    async def get_by_hash(self, hash_value: str) -> Capsule | None:
        return _first(await self._records("where hash = %s", hash_value))

    async def get_latest(self, tenant_id: str | None = None) -> Capsule | None:
        return _first(await self._records(f"where {CHAIN} order by sequence desc limit 1", tenant_id))

    async def get_all_ordered(self, tenant_id: str | None = None) -> Sequence[Capsule]:
        found = await self._records(f"where {CHAIN} order by sequence", tenant_id)
        return [capsules.from_record(record) for record in found]

    async def list(
        self, limit: int = 100, offset: int = 0, type_filter: CapsuleType | None = None, tenant_id: str | None = None
    ) -> Sequence[Capsule]:
        where, values = _where(type_filter, tenant_id)
        newest = "order by signed_at desc nulls last, sequence desc limit %s offset %s"
        found = await self._records(f"{where} {newest}", *values, limit, offset)
        return [capsules.from_record(record) for record in found]

    async def list_by_session(self, session_id: str) -> Sequence[Capsule]:
        found = await self._records("where session_id = %s order by sequence", session_id)
        return [capsules.from_record(record) for record in found]

    async def count(self, type_filter: CapsuleType | None = None, tenant_id: str | None = None) -> int:
        where, values = _where(type_filter, tenant_id)
        ((count,),) = await self._rows(f"select count(*) from quantumpipes_capsules {where}", *values)
        return int(count)

    async def page(self, after: int, limit: int, tenant_id: str | None = None) -> Sequence[Record]:
        where = f"where {CHAIN} and sequence > %s order by sequence limit %s"
        return await self._records(where, tenant_id, after, limit)

    async def hashes(self, start: int, stop: int, tenant_id: str | None = None) -> Sequence[str]:
        chain = named(tenant_id)
        return await asyncio.to_thread(self._reader.use, lambda connection: _hashes(connection, chain, start, stop))

    async def nodes(self, level: int, start: int, stop: int, tenant_id: str | None = None) -> Sequence[bytes]:
        asked = """select hash from qntx_nodes
            where chain = %s and level = %s and position >= %s and position < %s order by position"""
        return [value for (value,) in await self._rows(asked, _chain(tenant_id), level, start, stop)]

    async def head(self, tenant_id: str | None = None) -> Head:
        return Head.loads(await self.recall(_chain(tenant_id)))

    async def recall(self, name: str) -> str | None:
        found = await self._rows("select text from qntx_kept where name = %s", name)
        return found[0][0] if found else None

    async def remember(self, name: str, text: str) -> None:
        await asyncio.to_thread(self._reader.use, lambda connection: connection.execute(KEEP, (named(name), text)))

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._reader.close)

    async def _rows(self, sql: str, *values: Any) -> Sequence[TupleRow]:
        asked = [named(value) if isinstance(value, str) else value for value in values]
        return await asyncio.to_thread(self._reader.use, lambda connection: connection.execute(sql, asked).fetchall())

    async def _records(self, clause: str, *values: Any) -> Sequence[Record]:
        return [Record(*row) for row in await self._rows(f"{SELECT} {clause}", *values)]

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _commit(self, jobs: Sequence[_Job]) -> Sequence[Any]:
        """All jobs in one transaction; where one of them cannot be, each in its own, so that only that one fails."""
        try:
            return self._committed(jobs)
        except ChainConflictError:
            return [self._alone(job) for job in jobs]
        except psycopg.Error:
            # One cannot be, or the server went away, perhaps after it had committed. What is there is not sealed twice.
            self._release()
            return self._again(jobs)

    def _again(self, jobs: Sequence[_Job]) -> Sequence[Any]:
        answers: list[Any] = []
        for job in jobs:
            try:
                self._connected()
            except psycopg.Error as error:
                # To find that out takes a while, and each job would wait for it anew.
                return [*answers, *[_unkept(error)] * (len(jobs) - len(answers))]
            answers.append(self._alone(job, again=True))
        return answers

    def _alone(self, job: _Job, *, again: bool = False) -> Any:
        try:
            return self._committed([job], known=again and isinstance(job, _Append))[0]
        except ChainConflictError as error:
            return error
        except psycopg.Error as error:
            return _unkept(error)

    def _committed(self, jobs: Sequence[_Job], *, known: bool = False) -> Sequence[Any]:
        connection = self._connected()
        try:
            with connection.transaction():
                return _done(connection, jobs, known)
        except psycopg.errors.UniqueViolation as error:
            raise ChainConflictError(f"the capsule, or its place, is in the chain already: {error}") from error

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self.database_url)
        return self._connection


def _done(connection: Connection, jobs: Sequence[_Job], known: bool) -> list[Any]:
    """Every chain is locked in the same order by everybody, so that no two wait for each other."""
    heads: dict[str | None, Head] = {}
    for tenant_id in sorted({job.tenant_id for job in jobs}, key=_chain):
        connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, %s))", (_chain(tenant_id), LAYOUT_LOCK))
        heads[tenant_id] = _head(connection, tenant_id)
    answers: list[Any] = [None] * len(jobs)
    for tenant_id, head in heads.items():
        mine = [(place, job) for place, job in enumerate(jobs) if job.tenant_id == tenant_id]
        for _, job in mine:
            if isinstance(job, _Insert):
                _inserted(connection, head, job.record)
        appends = [(place, job) for place, job in mine if isinstance(job, _Append)]
        for (place, _), record in zip(
            appends, _appended(connection, head, tenant_id, [job for _, job in appends], known), strict=True
        ):
            answers[place] = record
        connection.execute(KEEP, (_chain(tenant_id), head.dumps()))
    return answers


def _appended(
    connection: Connection, head: Head, tenant_id: str | None, jobs: Sequence[_Append], known: bool
) -> list[Record]:
    """A run's record may come twice, from the run and from its recovery; the first one stands."""
    asked = [job.draft.id for job in jobs if known or job.draft.counted]
    there: dict[str, Record] = {}
    if asked:
        found = connection.execute(f"{SELECT} where id = any(%s)", (asked,)).fetchall()
        there = {row[0]: Record(*row) for row in found}
    records = []
    for job in jobs:
        if job.draft.id not in there or not (known or job.draft.counted):
            (record,), nodes = head.extend([job.draft], job.seal, tenant_id)
            there[record.id] = record
            records.append(record)
            _keep_nodes(connection, tenant_id, nodes)
    if records:
        with connection.cursor() as cursor:
            cursor.executemany(INSERT, records)
    return [there[job.draft.id] for job in jobs]


def _inserted(connection: Connection, head: Head, record: Record) -> None:
    if record.sequence != head.size:
        raise ChainConflictError(f"sequence {record.sequence} is not the chain's next place, which is {head.size}")
    connection.execute(INSERT, record)
    _keep_nodes(connection, record.tenant_id, head.grow(record.hash))


def _head(connection: Connection, tenant_id: str | None) -> Head:
    row = connection.execute("select text from qntx_kept where name = %s", (_chain(tenant_id),)).fetchone()
    head = Head.loads(row[0] if row else None)
    asked = f"select max(sequence) from quantumpipes_capsules where {CHAIN}"
    last = (connection.execute(asked, (tenant_id,)).fetchone() or (None,))[0]
    size = 0 if last is None else last + 1
    nodes = head.reconcile(size, lambda start, stop: _hashes(connection, tenant_id, start, stop))
    _keep_nodes(connection, tenant_id, nodes)
    return head


def _hashes(connection: Connection, tenant_id: str | None, start: int, stop: int) -> list[str]:
    asked = f"""select hash from quantumpipes_capsules
        where {CHAIN} and sequence >= %s and sequence < %s order by sequence"""
    return [hash_hex for (hash_hex,) in connection.execute(asked, (tenant_id, start, stop)).fetchall()]


def _keep_nodes(connection: Connection, tenant_id: str | None, nodes: Sequence[tuple[Node, bytes]]) -> None:
    for node, value in nodes:
        connection.execute(KEEP_NODE, (_chain(tenant_id), *node, value))


def _chain(tenant_id: str | None) -> str:
    """The chain's name among what is kept. A tenant may be called anything, even nothing."""
    return "head" if tenant_id is None else f"head:{named(tenant_id)}"


def _filed(record: Record) -> Record:
    return record._replace(session_id=named(record.session_id), tenant_id=named(record.tenant_id))


def _unkept(error: psycopg.Error) -> StorageError:
    return StorageError(f"PostgreSQL: {error}. The capsule is not kept.")


def _where(type_filter: CapsuleType | None, tenant_id: str | None) -> tuple[str, list[str]]:
    asked = [("type = %s", type_filter.value)] if type_filter is not None else []
    asked += [("tenant_id = %s", tenant_id)] if tenant_id is not None else []
    return ("where " + " and ".join(clause for clause, _ in asked) if asked else ""), [value for _, value in asked]


def _first(records: Sequence[Record]) -> Capsule | None:
    return capsules.from_record(records[0]) if records else None
