"""Capsules in a SQLite file, safe among tasks, threads, processes and forks.

One chain a file. The tables `capsules` and its columns are those of the protocol's reference library, so either reads
what the other wrote; what only we keep stands in tables beside it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

from qp_capsule.capsule import Capsule, CapsuleType
from qp_capsule.paths import default_db_path

from qntx.capsules import capsule as capsules
from qntx.capsules.head import Head
from qntx.capsules.record import Draft, Record
from qntx.capsules.seal import Seal
from qntx.capsules.storage.appender import (
    COLUMNS,
    HEAD,
    UNREADABLE,
    Append,
    Appender,
    Insert,
    Job,
    Keep,
    connect,
    record_of,
)
from qntx.capsules.storage.reading import Reading
from qntx.capsules.storage.writer import Writer
from qntx.errors import StorageError


class CapsuleStorage:
    """Capsules in a SQLite file. Has one chain; `tenant_id` is accepted and asks nothing."""

    def __init__(self, db_path: Path | str | None = None, *, synchronous: str = "full") -> None:
        """`synchronous="normal"` leaves out the fsync: what is committed then survives kill -9 but not a power cut."""
        if synchronous not in ("full", "normal"):
            raise StorageError(f'synchronous is "full" or "normal", not {synchronous!r}')
        self.db_path = Path(db_path) if db_path is not None else default_db_path()
        appender = Appender(self.db_path, synchronous)
        self._writer: Writer[Job, Any] = Writer(appender.commit, appender.close)
        self._reader = Reader(self.db_path)

    def append(self, draft: Draft, seal: Seal, tenant_id: str | None = None) -> Future[Record]:
        return self._writer.submit(Append(draft, seal))

    async def store(self, capsule: Capsule, tenant_id: str | None = None) -> Capsule:
        await self._written(Insert(capsules.to_record(capsule)))
        return capsule

    async def remember(self, name: str, text: str) -> None:
        await self._written(Keep(name, text))

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

    async def _written(self, job: Job) -> Any:
        return await asyncio.shield(asyncio.wrap_future(self._writer.submit(job)))

    async def _rows(self, sql: str, *values: Any) -> Sequence[tuple[Any, ...]]:
        return await asyncio.to_thread(self._reader.rows, sql, values)

    async def _records(self, clause: str, *values: Any) -> Sequence[Record]:
        found = await self._rows(f"select {COLUMNS} from capsules {clause}", *values)
        return [record_of(row) for row in found]


class Reader(Reading[sqlite3.Connection]):
    """A connection for reading, opened when it is first needed and closed for a fork."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def rows(self, sql: str, values: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = connect(self._path, "full")
                with closing(self._connection.execute(sql, values)) as cursor:
                    return cursor.fetchall()
            except UNREADABLE as error:
                raise StorageError(f"{self._path}: {error}") from error


def _where(type_filter: CapsuleType | None) -> tuple[str, tuple[str, ...]]:
    return ("where type = ?", (type_filter.value,)) if type_filter is not None else ("", ())


def _first(records: Sequence[Record]) -> Capsule | None:
    return capsules.from_record(records[0]) if records else None
