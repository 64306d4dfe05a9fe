"""A storage that others wrote against the reference library's interface, put in order from outside.

It has no notion of a queue, a batch or a second writer, so one thread with an event loop of its own makes all its
writes, one at a time. Its reads still happen wherever its owner calls them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple

from qp_capsule.capsule import Capsule, CapsuleType

from qntx.capsules import capsule as capsules
from qntx.capsules.head import Head
from qntx.capsules.record import Draft, Record
from qntx.capsules.seal import Seal
from qntx.capsules.storage.base import CapsuleStorageProtocol
from qntx.capsules.storage.writer import Writer
from qntx.errors import StorageError


class _Job(NamedTuple):
    draft: Draft
    seal: Seal
    tenant_id: str | None


class ForeignStorage:
    """Makes a ChainStorage of a CapsuleStorageProtocol. Keeps no tree: proofs are made from the records."""

    def __init__(self, storage: CapsuleStorageProtocol) -> None:
        self._storage = storage
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: Writer[_Job, Record] = Writer(self._commit, self._release)
        self._texts: dict[str, str] = {}
        self.store = storage.store
        self.get = storage.get
        self.get_latest = storage.get_latest
        self.get_all_ordered = storage.get_all_ordered
        self.count = storage.count

    def append(self, draft: Draft, seal: Seal, tenant_id: str | None = None) -> Future[Record]:
        return self._writer.submit(_Job(draft, seal, tenant_id))

    async def list(
        self, limit: int = 100, offset: int = 0, type_filter: CapsuleType | None = None, tenant_id: str | None = None
    ) -> Sequence[Capsule]:
        return await self._storage.list(limit, offset, type_filter, tenant_id)

    async def page(self, after: int, limit: int, tenant_id: str | None = None) -> Sequence[Record]:
        found = await self._storage.get_all_ordered(tenant_id)
        return [capsules.to_record(capsule, tenant_id) for capsule in found[after + 1 : after + 1 + limit]]

    async def hashes(self, start: int, stop: int, tenant_id: str | None = None) -> Sequence[str]:
        return [capsule.hash for capsule in (await self._storage.get_all_ordered(tenant_id))[start:stop]]

    async def nodes(self, level: int, start: int, stop: int, tenant_id: str | None = None) -> Sequence[bytes]:
        return []

    async def head(self, tenant_id: str | None = None) -> Head:
        return Head()

    async def recall(self, name: str) -> str | None:
        return self._texts.get(name)

    async def remember(self, name: str, text: str) -> None:
        self._texts[name] = text

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.close)
        await self._storage.close()

    def _release(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.close()

    def _commit(self, jobs: Sequence[_Job]) -> Sequence[Record | Exception]:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(self._all(jobs))

    async def _all(self, jobs: Sequence[_Job]) -> Sequence[Record | Exception]:
        return [await self._one(job) for job in jobs]

    async def _one(self, job: _Job) -> Record | Exception:
        try:
            return await self._sealed(job)
        except Exception as error:
            return StorageError(f"{type(self._storage).__name__}: {type(error).__name__}: {error}")

    async def _sealed(self, job: _Job) -> Record:
        latest = await self._storage.get_latest(job.tenant_id)
        head = Head()
        if latest is not None:
            head.size, head.hash = latest.sequence + 1, latest.hash
        (record,), _ = head.extend([job.draft], job.seal, job.tenant_id)
        await self._storage.store(capsules.from_record(record), job.tenant_id)
        return record
