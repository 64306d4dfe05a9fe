"""Where Pulse keeps what it knows: the file of one host, or a database that several hosts share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Cursor(Protocol):
    """What a statement came to."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Rows(Protocol):
    """A connection, whatever the database: statements mark values by `?`."""

    @property
    def schema(self) -> str:
        """What comes before a table's name."""

    @property
    def held(self) -> str:
        """What a SELECT ends in so that nobody else changes its rows until the transaction is over."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Cursor: ...

    def executemany(self, statement: str, values: Sequence[Sequence[Any]], /) -> None: ...

    def alone(self, what: str) -> None:
        """Wait until no other transaction is alone with the same thing, and be so until this one is over."""


class Backend(AbstractAsyncContextManager["Backend"], Protocol):
    """Entered, this host's executor is alive: its tables are there, and the others can tell that it lives."""

    @property
    def dead_after_seconds(self) -> float:
        """How long an executor has to look dead until it is: a lock in a database is also lost by a restart of that."""

    @property
    def offered(self) -> Collection[str] | None:
        """The plugins whose jobs come here; None where all do."""

    def queue(self) -> dict[str, Any]:
        """DBOS's configuration: where it keeps the deliveries."""

    async def read(self, question: Callable[[Rows], T]) -> T:
        """What it is given sees everything that was committed before it began."""

    async def write(self, work: Callable[[Rows], T]) -> T:
        """Do it in one transaction; returns once that is durable."""

    def hurry(self) -> None:
        """The host is stopping: from now on nothing waits for a database that is away."""

    async def dead(self, executors: Collection[str]) -> set[str]:
        """Those of them that do not look alive."""

    async def bury(self, executor: str) -> None:
        """Remove what a dead executor left."""

    async def name_missing(self) -> None:
        """Write down for each queued job whose plugin no host has that it waits for it."""
