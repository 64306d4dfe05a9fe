"""Capsules in a SQLite file, safe among tasks, threads, processes and forks.

One chain a file. The tables `capsules` and its columns are those of the protocol's reference library, so either reads
what the other wrote; what only we keep stands in tables beside it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

from qp_capsule.capsule import Capsule, CapsuleType
from qp_capsule.paths import default_db_path

from qntx.capsules import capsule as capsules
from qntx.capsules import fork
from qntx.capsules.head import Head
from qntx.capsules.lock import locked
from qntx.capsules.record import Draft, Record
from qntx.capsules.seal import Seal
from qntx.capsules.storage.writer import Writer
from qntx.errors import ChainConflictError, ChainError, StorageError

BUSY_SECONDS = 60.0
"""How long a writer waits for another process's batch."""
UNREADABLE = (sqlite3.Error, UnicodeError)
"""What a file that was written over answers. SQLite's own words about it may not even be text."""
HEAD = "head"
SCHEMA = (
    """create table if not exists capsules (
        id varchar(36) not null primary key, type varchar(20) not null, sequence integer not null,
        previous_hash varchar(64), data text not null, hash varchar(64) not null, signature text not null,
        signature_pq text not null, signed_at varchar(40), signed_by varchar(32), session_id varchar(36),
        constraint uq_capsule_sequence unique (sequence))""",
    "create index if not exists ix_capsules_hash on capsules (hash)",
    "create index if not exists ix_capsules_session_id on capsules (session_id)",
    "create table if not exists qntx_kept (name text primary key, text text not null)",
    """create table if not exists qntx_nodes (
        level integer not null, position integer not null, hash blob not null,
        primary key (level, position)) without rowid""",
)
COLUMNS = "id,type,sequence,previous_hash,data,hash,signature,signature_pq,signed_at,signed_by,session_id"
INSERT = f"insert into capsules ({COLUMNS}) values (?,?,?,?,?,?,?,?,?,?,?)"
KEEP = "insert into qntx_kept values (?,?) on conflict (name) do update set text = excluded.text"


@dataclass(frozen=True, slots=True)
class _Append:
    draft: Draft
    seal: Seal


@dataclass(frozen=True, slots=True)
class _Insert:
    record: Record


@dataclass(frozen=True, slots=True)
class _Keep:
    name: str
    text: str


_Job = _Append | _Insert | _Keep


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    """A connection to the file, made for its owner alone where there is none, with its tables laid out."""
    try:
        with locked(path):
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            if connection.execute("pragma journal_mode").fetchone() != ("wal",):
                connection.execute("pragma journal_mode=wal")
            connection.execute(f"pragma synchronous={synchronous}")
            if not connection.execute("select 1 from sqlite_master where name = 'qntx_nodes'").fetchone():
                connection.execute("begin immediate")
                for statement in SCHEMA:
                    connection.execute(statement)
                connection.execute("commit")
            return connection
    except (*UNREADABLE, OSError) as error:
        raise StorageError(f"{path}: {error}. Capsules(path) needs a SQLite file that can be written.") from error


class CapsuleStorage:
    """Capsules in a SQLite file. Has one chain; `tenant_id` is accepted and asks nothing."""

    def __init__(self, db_path: Path | str | None = None, *, synchronous: str = "full") -> None:
        """`synchronous="normal"` leaves out the fsync: what is committed then survives kill -9 but not a power cut."""
        if synchronous not in ("full", "normal"):
            raise StorageError(f'synchronous is "full" or "normal", not {synchronous!r}')
        self.db_path = Path(db_path) if db_path is not None else default_db_path()
        self._synchronous = synchronous
        self._connection: sqlite3.Connection | None = None
        self._writer: Writer[_Job, Any] = Writer(self._commit, self._release)
        self._reader = Reader(self.db_path)

    def append(self, draft: Draft, seal: Seal, tenant_id: str | None = None) -> Future[Record]:
        return self._writer.submit(_Append(draft, seal))

    async def store(self, capsule: Capsule, tenant_id: str | None = None) -> Capsule:
        await self._written(_Insert(capsules.to_record(capsule)))
        return capsule

    async def remember(self, name: str, text: str) -> None:
        await self._written(_Keep(name, text))

    async def get(self, capsule_id: str | UUID, tenant_id: str | None = None) -> Capsule | None:
        return _first(await self._records("where id = ?", str(capsule_id).lower()))

    async def get_by_hash(self, hash_value: str) -> Capsule | None:
        return _first(await self._records("where hash = ?", hash_value))

    async def get_latest(self, tenant_id: str | None = None) -> Capsule | None:
        return _first(await self._records("order by sequence desc limit 1"))

    async def get_all_ordered(self, tenant_id: str | None = None) -> Sequence[Capsule]:
        return [capsules.from_record(record) for record in await self._records("order by sequence")]

    async def list(
        self, limit: int = 100, offset: int = 0, type_filter: CapsuleType | None = None, tenant_id: str | None = None
    ) -> Sequence[Capsule]:
        where, values = _where(type_filter)
        found = await self._records(f"{where} order by sequence desc limit ? offset ?", *values, limit, offset)
        return [capsules.from_record(record) for record in found]

    async def list_by_session(self, session_id: str) -> Sequence[Capsule]:
        found = await self._records("where session_id = ? order by sequence", session_id)
        return [capsules.from_record(record) for record in found]

    async def count(self, type_filter: CapsuleType | None = None, tenant_id: str | None = None) -> int:
        where, values = _where(type_filter)
        ((count,),) = await self._rows(f"select count(*) from capsules {where}", *values)
        return int(count)

    async def page(self, after: int, limit: int, tenant_id: str | None = None) -> Sequence[Record]:
        return await self._records("where sequence > ? order by sequence limit ?", after, limit)

    async def hashes(self, start: int, stop: int, tenant_id: str | None = None) -> Sequence[str]:
        found = await self._rows(
            "select hash from capsules where sequence >= ? and sequence < ? order by sequence", start, stop
        )
        return [hash_hex for (hash_hex,) in found]

    async def nodes(self, level: int, start: int, stop: int, tenant_id: str | None = None) -> Sequence[bytes]:
        found = await self._rows(
            "select hash from qntx_nodes where level = ? and position >= ? and position < ? order by position",
            level, start, stop,
        )  # fmt: skip
        return [value for (value,) in found]

    async def head(self, tenant_id: str | None = None) -> Head:
        return Head.loads(await self.recall(HEAD))

    async def recall(self, name: str) -> str | None:
        found = await self._rows("select text from qntx_kept where name = ?", name)
        return found[0][0] if found else None

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.close)
        self._reader.close()

    async def _written(self, job: _Job) -> Any:
        return await asyncio.shield(asyncio.wrap_future(self._writer.submit(job)))

    async def _rows(self, sql: str, *values: Any) -> Sequence[tuple[Any, ...]]:
        return await asyncio.to_thread(self._reader.rows, sql, values)

    async def _records(self, clause: str, *values: Any) -> Sequence[Record]:
        found = await self._rows(f"select {COLUMNS} from capsules {clause}", *values)
        return [_record(row) for row in found]

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

    def _alone(self, job: _Job) -> Any:
        try:
            return self._committed([job])[0]
        except (ChainConflictError, StorageError) as error:
            return error

    def _committed(self, jobs: Sequence[_Job]) -> Sequence[Any]:
        if self._connection is None:
            self._connection = connect(self.db_path, self._synchronous)
        connection = self._connection
        try:
            connection.execute("begin immediate")
            answers = _done(connection, jobs)
            connection.execute("commit")
            return answers
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("rollback")
            if isinstance(error, sqlite3.IntegrityError):
                raise ChainConflictError(f"the capsule, or its place, is in the chain already: {error}") from error
            if isinstance(error, UNREADABLE):
                self._release()
                raise StorageError(f"{self.db_path}: {error}. The capsule is not kept.") from error
            raise


class Reader:
    """A connection for reading, opened when it is first needed and closed for a fork."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        fork.register(self)

    def rows(self, sql: str, values: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = connect(self._path, "full")
                with closing(self._connection.execute(sql, values)) as cursor:
                    return cursor.fetchall()
            except UNREADABLE as error:
                raise StorageError(f"{self._path}: {error}") from error

    def close(self) -> None:
        with self._lock:
            self._close()

    def before_fork(self) -> None:
        self._lock.acquire()
        self._close()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        self._lock = threading.Lock()

    def at_exit(self) -> None:
        self.close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _done(connection: sqlite3.Connection, jobs: Sequence[_Job]) -> list[Any]:
    head = _head(connection)
    answers: list[Any] = []
    for kind, group in groupby(jobs, key=lambda job: (type(job), getattr(job, "seal", None))):
        if kind[0] is _Append:
            answers += _appended(connection, head, [job for job in group if isinstance(job, _Append)])
            continue
        for job in group:
            answers.append(None)
            if isinstance(job, _Insert):
                _inserted(connection, head, job.record)
            elif isinstance(job, _Keep):
                connection.execute(KEEP, (job.name, job.text))
    connection.execute(KEEP, (HEAD, head.dumps()))
    return answers


def _appended(connection: sqlite3.Connection, head: Head, jobs: Sequence[_Append]) -> list[Record]:
    """A run's record may come twice, from the run and from its recovery; the first one stands."""
    known = {job.draft.id: found for job in jobs if job.draft.counted and (found := _run(connection, job.draft.id))}
    records, nodes = head.extend([job.draft for job in jobs if job.draft.id not in known], jobs[0].seal, None)
    connection.executemany(INSERT, [record[:11] for record in records])
    _keep_nodes(connection, nodes)
    known.update((record.id, record) for record in records)
    return [known[job.draft.id] for job in jobs]


def _inserted(connection: sqlite3.Connection, head: Head, record: Record) -> None:
    if record.sequence != head.size:
        raise ChainConflictError(f"sequence {record.sequence} is not the chain's next place, which is {head.size}")
    connection.execute(INSERT, record[:11])
    _keep_nodes(connection, head.grow(record.hash))


def _run(connection: sqlite3.Connection, capsule_id: str) -> Record | None:
    row = connection.execute(f"select {COLUMNS} from capsules where id = ?", (capsule_id,)).fetchone()
    return _record(row) if row else None


def _head(connection: sqlite3.Connection) -> Head:
    row = connection.execute("select text from qntx_kept where name = ?", (HEAD,)).fetchone()
    head = Head.loads(row[0] if row else None)
    _keep_nodes(connection, _reconciled(connection, head))
    return head


def _reconciled(connection: sqlite3.Connection, head: Head) -> list[Any]:
    (last,) = connection.execute("select max(sequence) from capsules").fetchone()
    if not isinstance(last, int | None):
        raise ChainError(f"the last record's sequence is {last!r}: nothing is sealed behind it")
    return head.reconcile(0 if last is None else last + 1, lambda start, stop: _hashes(connection, start, stop))


def _hashes(connection: sqlite3.Connection, start: int, stop: int) -> list[str]:
    found = connection.execute(
        "select hash from capsules where sequence >= ? and sequence < ? order by sequence", (start, stop)
    )
    return [hash_hex for (hash_hex,) in found]


def _keep_nodes(connection: sqlite3.Connection, nodes: Sequence[Any]) -> None:
    if nodes:
        connection.executemany(
            "insert or replace into qntx_nodes values (?,?,?)", [(*node, value) for node, value in nodes]
        )


def _record(row: tuple[Any, ...]) -> Record:
    return Record._make((*row, "", None))


def _where(type_filter: CapsuleType | None) -> tuple[str, tuple[str, ...]]:
    return ("where type = ?", (type_filter.value,)) if type_filter is not None else ("", ())


def _first(records: Sequence[Record]) -> Capsule | None:
    return capsules.from_record(records[0]) if records else None
