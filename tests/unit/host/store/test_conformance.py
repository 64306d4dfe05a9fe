"""The stores that need no server, against the suite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conformance.attestation_store import AttestationStoreSuite

from qntx.host.store.base import AttestationStore
from qntx.host.store.claim import Signer
from qntx.host.store.memory import MemoryStore
from qntx.host.store.sqlite import SQLiteStore


class TestMemoryStore(AttestationStoreSuite):
    async def open(self, tmp_path: Path, signer: Signer, now_ms: Callable[[], int]) -> AttestationStore:
        return MemoryStore(signer, now_ms)


class TestSQLiteStore(AttestationStoreSuite):
    async def open(self, tmp_path: Path, signer: Signer, now_ms: Callable[[], int]) -> AttestationStore:
        return SQLiteStore(tmp_path / "attestations.db", signer, now_ms=now_ms)
