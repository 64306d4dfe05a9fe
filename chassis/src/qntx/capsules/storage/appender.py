"""The connection that extends the chain in a SQLite file, a transaction at a time.

Where the chain ends is remembered from one transaction to the next, and read again only when SQLite says that somebody
else has written meanwhile.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from qntx.capsules.head import Head
from qntx.capsules.lock import locked
from qntx.capsules.record import Draft, Record
from qntx.capsules.seal import Seal
from qntx.errors import ChainConflictError, ChainError, StorageError

BUSY_SECONDS = 60.0
"""How long a writer waits for another process's batch."""
UNREADABLE = (sqlite3.Error, UnicodeError)
"""What a file that was written over answers. SQLite's own words about it may not even be text."""
HEAD = "head"
# Each index is a page more to write at every commit. So the sequence, which the reference library's layout gives an
# index of its own, is the table's key here, and records without a session stand in none.
SCHEMA = (
    """create table if not exists capsules (
        id varchar(36) not null, type varchar(20) not null, sequence integer not null primary key,
        previous_hash varchar(64), data text not null, hash varchar(64) not null, signature text not null,
        signature_pq text not null, signed_at varchar(40), signed_by varchar(32), session_id varchar(36),
        constraint uq_capsule_id unique (id))""",
    "create index if not exists ix_capsules_hash on capsules (hash)",
    "create index if not exists ix_capsules_session_id on capsules (session_id) where session_id is not null",
    "create table if not exists qntx_kept (name text primary key, text text not null)",
    """create table if not exists qntx_nodes (
        level integer not null, position integer not null, hash blob not null,
        primary key (level, position)) without rowid""",
)
COLUMNS = "id,type,sequence,previous_hash,data,hash,signature,signature_pq,signed_at,signed_by,session_id"
INSERT = f"insert into capsules ({COLUMNS}) values (?,?,?,?,?,?,?,?,?,?,?)"
KEEP = "insert into qntx_kept values (?,?) on conflict (name) do update set text = excluded.text"


@dataclass(frozen=True, slots=True)
class Append:
    """A record to be, at the chain's end."""

    draft: Draft
    seal: Seal


@dataclass(frozen=True, slots=True)
class Insert:
    """A sealed record, at the place it says."""

    record: Record


@dataclass(frozen=True, slots=True)
class Keep:
    """A text, in place of the one of that name."""

    name: str
    text: str


Job = Append | Insert | Keep


class Appender:
    """Opens its connection when there is something to do, and again after `close`."""

    def __init__(self, path: Path, synchronous: str) -> None:
        self._path = path
        self._synchronous = synchronous
        self._connection: sqlite3.Connection | None = None
        self._head: Head | None = None
        self._version = 0

    def close(self) -> None:
        connection, self._connection = self._connection, None
        self._head = None
        if connection is not None:
            connection.close()

    def commit(self, jobs: Sequence[Job]) -> Sequence[Any]:
        """All jobs in one transaction; where one of them cannot be, each in its own, so that only that one fails."""
        try:
            return self._committed(jobs)
        except ChainConflictError:
            return [self._alone(job) for job in jobs]

    def _alone(self, job: Job) -> Any:
        try:
            return self._committed([job])[0]
        except (ChainConflictError, StorageError) as error:
            return error

    def _committed(self, jobs: Sequence[Job]) -> Sequence[Any]:
        if self._connection is None:
            self._connection = connect(self._path, self._synchronous)
        connection = self._connection
        try:
            connection.execute("begin immediate")
            answers = _done(connection, self._current(connection), jobs)
            connection.execute("commit")
            return answers
        except BaseException as error:
            self._head = None
            if connection.in_transaction:
                connection.execute("rollback")
            if isinstance(error, sqlite3.IntegrityError):
                raise ChainConflictError(f"the capsule, or its place, is in the chain already: {error}") from error
            if isinstance(error, UNREADABLE):
                self.close()
                raise StorageError(f"{self._path}: {error}. The capsule is not kept.") from error
            raise

    def _current(self, connection: sqlite3.Connection) -> Head:
        (version,) = connection.execute("pragma data_version").fetchone()
        if self._head is None or version != self._version:
            self._head, self._version = _head(connection), version
        return self._head


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


def record_of(row: tuple[Any, ...]) -> Record:
    """A row of COLUMNS."""
    return Record._make((*row, "", None))


def _done(connection: sqlite3.Connection, head: Head, jobs: Sequence[Job]) -> list[Any]:
    answers: list[Any] = []
    for kind, group in groupby(jobs, key=lambda job: (type(job), getattr(job, "seal", None))):
        if kind[0] is Append:
            answers += _appended(connection, head, [job for job in group if isinstance(job, Append)])
            continue
        for job in group:
            answers.append(None)
            if isinstance(job, Insert):
                _inserted(connection, head, job.record)
            elif isinstance(job, Keep):
                connection.execute(KEEP, (job.name, job.text))
    connection.execute(KEEP, (HEAD, head.dumps()))
    return answers


def _appended(connection: sqlite3.Connection, head: Head, jobs: Sequence[Append]) -> list[Record]:
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
    return record_of(row) if row else None


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
