"""What a chain needs of its storage. tests/conformance/capsule_storage.py says what every method promises."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol, runtime_checkable
from uuid import UUID

from qp_capsule.capsule import Capsule, CapsuleType

from qntx.capsules.head import Head
from qntx.capsules.record import Draft, Record
from qntx.capsules.seal import Seal


@runtime_checkable
class CapsuleStorageProtocol(Protocol):
    """What `Capsules(storage=…)` takes: the interface that users of the reference library have written against."""

    async def store(self, capsule: Capsule, tenant_id: str | None = None) -> Capsule:
        """Keep a capsule that is sealed and has its place. Raises ChainConflictError where the place is taken."""

    async def get(self, capsule_id: str | UUID, tenant_id: str | None = None) -> Capsule | None: ...

    async def get_latest(self, tenant_id: str | None = None) -> Capsule | None: ...

    async def get_all_ordered(self, tenant_id: str | None = None) -> Sequence[Capsule]:
        """Every capsule, first to last, in memory at once."""

    async def list(
        self, limit: int = 100, offset: int = 0, type_filter: CapsuleType | None = None, tenant_id: str | None = None
    ) -> Sequence[Capsule]:
        """The newest first."""

    async def count(self, type_filter: CapsuleType | None = None, tenant_id: str | None = None) -> int: ...

    async def close(self) -> None:
        """Finish what is queued and release everything. Twice is the same as once."""


@runtime_checkable
class ChainStorage(CapsuleStorageProtocol, Protocol):
    """A storage that orders records by itself, safely among threads and processes."""

    def append(self, draft: Draft, seal: Seal, tenant_id: str | None = None) -> Future[Record]:
        """Queue a draft for the end of its chain. The future is done when the record is committed."""

    async def page(self, after: int, limit: int, tenant_id: str | None = None) -> Sequence[Record]:
        """Up to `limit` records whose sequence is above `after`, in order."""

    async def hashes(self, start: int, stop: int, tenant_id: str | None = None) -> Sequence[str]:
        """The hashes of the records at [start, stop)."""

    async def nodes(self, level: int, start: int, stop: int, tenant_id: str | None = None) -> Sequence[bytes]:
        """The kept subtree roots at `level`, positions [start, stop)."""

    async def head(self, tenant_id: str | None = None) -> Head:
        """What is kept of the chain beside its records."""

    async def recall(self, name: str) -> str | None:
        """A text kept under this name."""

    async def remember(self, name: str, text: str) -> None:
        """Keep a text under this name, in place of the one before."""
