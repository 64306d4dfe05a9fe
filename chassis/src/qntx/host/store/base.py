"""What every attestation store promises; tests/conformance/attestation_store.py says it in full."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from qntx.model.attestation import Attestation, Draft, Filter


class AttestationStore(Protocol):
    """Append-only. An async context manager; closing twice is the same as once.

    Newest first is by `created_at_ms`, and where that is equal, the later arrival first. Arrivals are counted in
    positions, 1 and up: a cursor that a backdated or imported attestation cannot slip behind.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def add(self, draft: Draft) -> Attestation:
        """Give the draft an id, times and a signature, and keep it. Returns once it is durable."""

    async def add_many(self, drafts: Sequence[Draft]) -> list[Attestation]:
        """The same for several, all or none, in order."""

    async def put(self, attestation: Attestation) -> bool:
        """Keep an attestation that already has its id. False where that id is kept already.

        Its signature stays as it is, whosever it is; an unsigned one is signed as a draft would be.
        """

    async def get(self, attestation_id: str) -> Attestation | None: ...

    async def find(self, wanted: Filter, *, limit: int | None = None) -> list[Attestation]:
        """Those that match, newest first. None is all of them; zero is none."""

    def stream(self, wanted: Filter, *, limit: int | None = None) -> AsyncIterator[Attestation]:
        """The same, a page at a time: memory stays flat."""

    async def after(self, position: int, *, limit: int) -> list[tuple[int, Attestation]]:
        """What arrived after that position, in order of arrival, each with its own."""

    async def position(self) -> int:
        """The last position given out; 0 for an empty store."""

    async def arrived(self, position: int) -> None:
        """Return once something has arrived after that position."""

    async def aclose(self) -> None: ...
