"""Attestations in PostgreSQL keep every promise, and those that only several hosts can put to the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.conformance.attestation_store import AttestationStoreSuite

from qntx.db.postgres_database import Database
from qntx.host.store.base import AttestationStore
from qntx.host.store.claim import Signer
from qntx.host.store.postgres import PostgresStore


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    async with Database(postgres_url) as opened:
        yield opened


class TestPostgresStore(AttestationStoreSuite):
    @pytest.fixture(autouse=True)
    def connected(self, database: Database) -> None:
        self.database = database

    async def open(self, tmp_path: Path, signer: Signer, now_ms: Callable[[], int]) -> AttestationStore:
        return PostgresStore(self.database, signer, now_ms=now_ms)
