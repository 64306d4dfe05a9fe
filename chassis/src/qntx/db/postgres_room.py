"""The tables of one room in a database that it shares with others."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from qntx.db.postgres_database import Database
from qntx.db.postgres_migrations import migrate


class PostgresRoom:
    """An async context manager over an open database: entered, its tables are there."""

    def __init__(self, database: Database, name: str, schema: Sequence[Sequence[str]]) -> None:
        self._database = database
        self._name = name
        self._schema = schema

    async def __aenter__(self) -> Self:
        await self._database.write(lambda connection: migrate(connection, self._name, self._schema))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The database is its owner's to close."""

    async def _read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return await self._database.read(lambda connection: connection.execute(statement, values).fetchall())
