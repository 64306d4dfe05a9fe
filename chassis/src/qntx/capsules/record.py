"""A record before and after the chain has given it a place."""

from __future__ import annotations

from typing import NamedTuple


class Draft(NamedTuple):
    """A record's content, encoded, without its place in the chain."""

    id: str
    type: str
    domain: str
    session_id: str | None
    pieces: tuple[bytes, ...]
    """Canonical text around previous_hash and sequence; a run's has one cut more, where the counts go."""
    failed: bool

    @property
    def counted(self) -> bool:
        """Is this the record of a run, whose content says what the chain has counted?"""
        return len(self.pieces) == 4


class Record(NamedTuple):
    """A sealed record as it is stored. `data` is the text that was hashed."""

    id: str
    type: str
    sequence: int
    previous_hash: str | None
    data: str
    hash: str
    signature: str
    signature_pq: str
    signed_at: str | None
    signed_by: str
    session_id: str | None
    domain: str
    tenant_id: str | None
