"""Follows a store: what arrives, as it arrives."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from qntx.host.store.base import AttestationStore
from qntx.model.attestation import Attestation

BATCH = 500


async def tail(store: AttestationStore, position: int) -> AsyncGenerator[tuple[int, Attestation], None]:
    """Everything after that position, each with its own; never ends by itself."""
    while True:
        arrived = await store.after(position, limit=BATCH)
        for position, attestation in arrived:
            yield position, attestation
        if not arrived:
            await store.arrived(position)
