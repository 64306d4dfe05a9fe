"""Attestations in memory, for tests and for `qntx.testing`."""

from __future__ import annotations

import asyncio
import bisect
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Self

from qntx.errors import InvalidRequest
from qntx.host.store.admission import admit, in_batch, readmit
from qntx.host.store.claim import Signer, signed
from qntx.host.store.terms import matches
from qntx.model.attestation import Attestation, Draft, Filter
from qntx.model.identity import RANDOM_BYTES


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class MemoryStore:
    """Keeps everything until it is let go."""

    def __init__(self, signer: Signer | None = None, now_ms: Callable[[], int] = _now_ms) -> None:
        self._signer = signer
        self._now_ms = now_ms
        self._arrivals: list[Attestation] = []
        self._by_id: dict[str, Attestation] = {}
        self._ordered: list[tuple[int, int]] = []
        """(created_at_ms, position), oldest first."""
        self._created_ms = 0
        self._arrived = asyncio.Condition()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def add(self, draft: Draft) -> Attestation:
        return (await self.add_many([draft]))[0]

    async def add_many(self, drafts: Sequence[Draft]) -> list[Attestation]:
        # A clock that was set back must not put new attestations behind older ones.
        self._created_ms = max(self._now_ms(), self._created_ms)
        added: list[Attestation] = []
        taken: set[str] = set()
        for index, draft in enumerate(drafts):
            try:
                attestation = self._admit(draft, taken)
            except InvalidRequest as error:
                raise (error if len(drafts) == 1 else in_batch(error, index)) from None
            taken.add(attestation.id)
            added.append(attestation)
        for attestation in added:
            self._keep(attestation)
        await self._announce()
        return added

    async def put(self, attestation: Attestation) -> bool:
        admitted = signed(readmit(attestation, self._now_ms()), self._signer)
        if admitted.id in self._by_id:
            return False
        self._keep(admitted)
        await self._announce()
        return True

    async def get(self, attestation_id: str) -> Attestation | None:
        return self._by_id.get(attestation_id)

    async def find(self, wanted: Filter, *, limit: int | None = None) -> list[Attestation]:
        return [attestation async for attestation in self.stream(wanted, limit=limit)]

    async def stream(self, wanted: Filter, *, limit: int | None = None) -> AsyncIterator[Attestation]:
        left = len(self._ordered) if limit is None else limit
        for _, position in reversed(self._ordered.copy()):
            if left <= 0:
                return
            attestation = self._arrivals[position - 1]
            if matches(wanted, attestation):
                left -= 1
                yield attestation

    async def after(self, position: int, *, limit: int) -> list[tuple[int, Attestation]]:
        return list(enumerate(self._arrivals[position : position + limit], start=position + 1))

    async def position(self) -> int:
        return len(self._arrivals)

    async def arrived(self, position: int) -> None:
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self._arrivals) > position)

    async def aclose(self) -> None:
        """Nothing is held."""

    def _admit(self, draft: Draft, taken: set[str]) -> Attestation:
        while True:
            admitted = admit(draft, self._created_ms, os.urandom(RANDOM_BYTES))
            if admitted.id not in self._by_id and admitted.id not in taken:
                return signed(admitted, self._signer)

    def _keep(self, attestation: Attestation) -> None:
        self._arrivals.append(attestation)
        self._by_id[attestation.id] = attestation
        bisect.insort(self._ordered, (attestation.created_at_ms, len(self._arrivals)))

    async def _announce(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()
