"""What has been started on this machine and has no record yet.

An intent is written before an execution starts and removed when its capsule is committed. It lies in a SQLite file of
its own, so that noting one never waits for a seal's fsync, and is written without an fsync: it survives the death of
any process, which is what it is for, though not a power cut.

Who wrote an intent holds a lock on a file as long as it lives. The kernel lets go of it however the owner dies, so what
a dead owner has left open is known without guessing about process ids.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from qntx.capsules import fork
from qntx.capsules.lock import locked
from qntx.errors import StorageError

BUSY_SECONDS = 10.0
SETTLED_MAX = 64
"""Intents that have their record and are kept all the same, so that removing them costs a run next to nothing."""
SCHEMA = (
    """create table if not exists intents (
        number integer primary key autoincrement, id text not null unique, owner text not null,
        tenant_id text, content text not null, ended integer not null default 0)""",
    "create table if not exists ledger (id text primary key)",
)

Answer = TypeVar("Answer")


class Intent(NamedTuple):
    """An execution that has no record yet. `ended` when its outcome is known and only the seal is missing."""

    number: int
    id: str
    tenant_id: str | None
    content: str
    ended: bool


class Standing(Protocol):
    """Says how many runs each ledger has started, and which of them have not ended."""

    def read(self) -> tuple[dict[str, int], dict[str, set[int]]]: ...


class Intents:
    """The intents of one machine. Several processes share the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._owners = path.with_name(f"{path.name}.owners")
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner: tuple[str, int] | None = None
        self._ledger = ""
        self._settled: deque[str] = deque()
        fork.register(self)

    @property
    def ledger(self) -> str:
        """The name of this file's numbering."""
        return self._ledger or self._do(lambda connection: self._ledger)

    def begin(self, capsule_id: str, content: str, tenant_id: str | None) -> tuple[int, int]:
        """Note that this is about to start. Returns its number, which is also how many have been started."""
        owner = self._own()

        def insert(connection: sqlite3.Connection) -> int:
            cursor = connection.execute(
                "insert into intents (id, owner, tenant_id, content) values (?,?,?,?)",
                (capsule_id, owner, tenant_id, content),
            )
            return cursor.lastrowid or 0

        number = self._do(insert)
        return number, number

    def end(self, capsule_id: str, content: str) -> None:
        """Note how it ended, so that the record says so even if the seal is another process's to make."""
        self._do(lambda c: c.execute("update intents set content = ?, ended = 1 where id = ?", (content, capsule_id)))

    def settled(self, capsule_id: str) -> None:
        """It has its record. The intent goes later, with others: a record that is sealed again stays the one it is."""
        self._settled.append(capsule_id)

    def read(self) -> tuple[dict[str, int], dict[str, set[int]]]:
        def snapshot(connection: sqlite3.Connection) -> tuple[int, set[int]]:
            # One statement is one snapshot.
            rows = connection.execute(
                "select (select seq from sqlite_sequence where name = 'intents'), number from "
                "(select 1) left join intents"
            ).fetchall()
            return rows[0][0] or 0, {number for _, number in rows if number is not None}

        started, waiting = self._do(snapshot)
        return {self.ledger: started}, {self.ledger: waiting}

    def orphans(self) -> Iterator[tuple[str, Sequence[Intent]]]:
        """Each dead owner with what it left open, held so that one process alone recovers it."""
        owners = self._do(lambda c: [owner for (owner,) in c.execute("select distinct owner from intents")])
        for owner in owners:
            with self._held(owner) as dead:
                if dead:
                    yield owner, self._do(lambda c, owner=owner: _left_by(c, owner))  # type: ignore[misc]

    def forget(self) -> None:
        """Remove now what has its record."""
        if self._settled:
            self._do(self._remove_settled)

    def close(self) -> None:
        self.forget()
        with self._lock:
            self._close()
            self._disown()

    def before_fork(self) -> None:
        self._lock.acquire()
        self._close()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        self._lock = threading.Lock()
        self._settled.clear()
        if self._owner is not None:
            os.close(self._owner[1])  # The parent's lock: the child must not keep it held when the parent is dead.
            self._owner = None

    def at_exit(self) -> None:
        self.close()

    def _do(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open()
                if len(self._settled) >= SETTLED_MAX:
                    self._remove_settled(self._connection)
                return work(self._connection)
            except (sqlite3.Error, OSError) as error:
                raise StorageError(f"{self.path}: {error}. What is started cannot be noted.") from error

    def _open(self) -> sqlite3.Connection:
        with locked(self.path):
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            if connection.execute("pragma journal_mode").fetchone() != ("wal",):
                connection.execute("pragma journal_mode=wal")
            connection.execute("pragma synchronous=normal")
            for statement in SCHEMA:
                connection.execute(statement)
            connection.execute(
                "insert into ledger select ? where not exists (select 1 from ledger)", (uuid.uuid4().hex,)
            )
            (self._ledger,) = connection.execute("select id from ledger").fetchone()
            return connection

    def _remove_settled(self, connection: sqlite3.Connection) -> None:
        ids = [(self._settled.popleft(),) for _ in range(len(self._settled))]
        try:
            connection.execute("begin immediate")
            connection.executemany("delete from intents where id = ?", ids)
            connection.execute("commit")
        except sqlite3.Error:
            self._settled.extend(capsule_id for (capsule_id,) in ids)
            if connection.in_transaction:
                connection.execute("rollback")
            raise

    def _own(self) -> str:
        with self._lock:
            if self._owner is None:
                self._owners.mkdir(parents=True, exist_ok=True, mode=0o700)
                name = uuid.uuid4().hex
                handle = os.open(self._owners / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
                fcntl.flock(handle, fcntl.LOCK_EX)
                self._owner = (name, handle)
            return self._owner[0]

    @contextmanager
    def _held(self, owner: str) -> Iterator[bool]:
        """Whether that owner is dead; while inside, nobody else finds it so."""
        path = self._owners / owner
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
            path.unlink(missing_ok=True)
        finally:
            os.close(handle)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _disown(self) -> None:
        """Stop living as an owner. What is open is left for recovery; the lock's file goes with what it guards."""
        if self._owner is not None:
            name, handle = self._owner
            self._owner = None
            os.close(handle)
            (self._owners / name).unlink(missing_ok=True)


def _left_by(connection: sqlite3.Connection, owner: str) -> list[Intent]:
    rows = connection.execute("select number, id, tenant_id, content, ended from intents where owner = ?", (owner,))
    return [Intent(number, id_, tenant, content, bool(ended)) for number, id_, tenant, content, ended in rows]
