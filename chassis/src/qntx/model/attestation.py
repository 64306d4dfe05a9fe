"""What is claimed, of what, where and by whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """A claim before it has an id. Times are milliseconds since the epoch."""

    subjects: Sequence[str]
    predicates: Sequence[str] = ()
    contexts: Sequence[str] = ()
    actors: Sequence[str] = ()
    attributes: Attributes = field(default_factory=dict)
    source: str = ""
    source_version: str = ""
    timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Attestation:
    """A claim that is kept. `created_at_ms` is when the store took it, `timestamp_ms` when it is said to hold."""

    id: str
    subjects: tuple[str, ...]
    predicates: tuple[str, ...]
    contexts: tuple[str, ...]
    actors: tuple[str, ...]
    timestamp_ms: int
    created_at_ms: int
    source: str = ""
    attributes: Attributes = field(default_factory=dict)
    signature: bytes = b""
    signer_did: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """A question: OR within a field, AND across fields, ASCII case ignored. An empty field asks nothing.

    `since_ms` and `until_ms` are inclusive bounds on `timestamp_ms`.
    """

    subjects: Sequence[str] = ()
    predicates: Sequence[str] = ()
    contexts: Sequence[str] = ()
    actors: Sequence[str] = ()
    since_ms: int | None = None
    until_ms: int | None = None
