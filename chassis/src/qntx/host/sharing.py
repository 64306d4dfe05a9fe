"""What hosts that share a PostgreSQL database keep in it, beside their jobs and the audit trail."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from qntx.db.postgres_database import Database
from qntx.host.canvas_postgres import PostgresCanvas
from qntx.host.store.claim import Signer
from qntx.host.store.postgres import PostgresStore
from qntx.host.watchers.postgres import PostgresWatcherStore


class Shared:
    """An async context manager. Each store is one too, and brings its tables along."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)

    async def __aenter__(self) -> Self:
        await self.database.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.database.__aexit__(kind, error, trace)

    def attestations(self, signer: Signer | None) -> PostgresStore:
        return PostgresStore(self.database, signer)

    def watchers(self) -> PostgresWatcherStore:
        return PostgresWatcherStore(self.database)

    def canvas(self) -> PostgresCanvas:
        return PostgresCanvas(self.database)
