"""Capsules in memory, for tests and for programs that keep no trail."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from uuid import UUID

from qp_capsule.capsule import Capsule, CapsuleType

from qntx.capsules import capsule as capsules
from qntx.capsules.head import Head
from qntx.capsules.merkle import Node
from qntx.capsules.record import Draft, Record
from qntx.capsules.seal import Seal
from qntx.errors import ChainConflictError


class MemoryStorage:
    """One list of records a tenant."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._ids: dict[str, Record] = {}
        self._chains: dict[str | None, list[Record]] = {}
        self._heads: dict[str | None, Head] = {}
        self._nodes: dict[tuple[str | None, Node], bytes] = {}
        self._texts: dict[str, str] = {}

    def append(self, draft: Draft, seal: Seal, tenant_id: str | None = None) -> Future[Record]:
        future: Future[Record] = Future()
        try:
            with self._lock:
                future.set_result(self._append(draft, seal, tenant_id))
        except Exception as error:
            future.set_exception(error)
        return future

    def _append(self, draft: Draft, seal: Seal, tenant_id: str | None) -> Record:
        known = self._ids.get(draft.id)
        if known is not None and draft.counted:
            return known
        if known is not None:
            raise ChainConflictError(f"capsule {draft.id} is in the chain already")
        head = self._heads.setdefault(tenant_id, Head())
        (record,), nodes = head.extend([draft], seal, tenant_id)
        self._ids[record.id] = record
        self._chains.setdefault(tenant_id, []).append(record)
        self._nodes.update({(tenant_id, node): value for node, value in nodes})
        return record

    async def store(self, capsule: Capsule, tenant_id: str | None = None) -> Capsule:
        record = capsules.to_record(capsule, tenant_id)
        with self._lock:
            chain = self._chains.setdefault(tenant_id, [])
            if record.sequence != len(chain) or record.id in self._ids:
                raise ChainConflictError(
                    f"sequence {record.sequence} is not the chain's next place, or its capsule is there"
                )
            chain.append(record)
            self._ids[record.id] = record
            nodes = self._heads.setdefault(tenant_id, Head()).grow(record.hash)
            self._nodes.update({(tenant_id, node): value for node, value in nodes})
        return capsule

    async def get(self, capsule_id: str | UUID, tenant_id: str | None = None) -> Capsule | None:
        record = self._ids.get(str(capsule_id).lower())
        if record is None or (tenant_id is not None and record.tenant_id != tenant_id):
            return None
        return capsules.from_record(record)

    async def get_by_hash(self, hash_value: str) -> Capsule | None:
        found = [record for chain in self._chains.values() for record in chain if record.hash == hash_value]
        return capsules.from_record(found[0]) if found else None

    async def get_latest(self, tenant_id: str | None = None) -> Capsule | None:
        chain = self._chains.get(tenant_id)
        return capsules.from_record(chain[-1]) if chain else None

    async def get_all_ordered(self, tenant_id: str | None = None) -> Sequence[Capsule]:
        return [capsules.from_record(record) for record in self._chains.get(tenant_id, [])]

    async def list(
        self, limit: int = 100, offset: int = 0, type_filter: CapsuleType | None = None, tenant_id: str | None = None
    ) -> Sequence[Capsule]:
        found = self._matching(type_filter, tenant_id)[::-1]
        return [capsules.from_record(record) for record in found[offset : offset + limit]]

    async def list_by_session(self, session_id: str) -> Sequence[Capsule]:
        found = [record for chain in self._chains.values() for record in chain if record.session_id == session_id]
        return [capsules.from_record(record) for record in found]

    async def count(self, type_filter: CapsuleType | None = None, tenant_id: str | None = None) -> int:
        return len(self._matching(type_filter, tenant_id))

    async def page(self, after: int, limit: int, tenant_id: str | None = None) -> Sequence[Record]:
        return self._chains.get(tenant_id, [])[after + 1 : after + 1 + limit]

    async def hashes(self, start: int, stop: int, tenant_id: str | None = None) -> Sequence[str]:
        return [record.hash for record in self._chains.get(tenant_id, [])[start:stop]]

    async def nodes(self, level: int, start: int, stop: int, tenant_id: str | None = None) -> Sequence[bytes]:
        found = (self._nodes.get((tenant_id, Node(level, position))) for position in range(start, stop))
        return [value for value in found if value is not None]

    async def head(self, tenant_id: str | None = None) -> Head:
        with self._lock:
            return Head.loads(self._heads[tenant_id].dumps()) if tenant_id in self._heads else Head()

    async def recall(self, name: str) -> str | None:
        return self._texts.get(name)

    async def remember(self, name: str, text: str) -> None:
        self._texts[name] = text

    async def close(self) -> None:
        """There is nothing to release; what was kept stays."""

    def _matching(self, type_filter: CapsuleType | None, tenant_id: str | None) -> Sequence[Record]:
        """Without a tenant: everybody's, in the order of sealing."""
        chains = self._chains.values() if tenant_id is None else [self._chains.get(tenant_id, [])]
        found = [r for chain in chains for r in chain if type_filter is None or r.type == type_filter.value]
        return sorted(found, key=lambda record: record.signed_at or "")
