"""Walking a chain from its first record to its last, and what was found.

Pure: records are fed in, in order, and nothing is kept of them but where the walk is, so a chain of any length is
verified in the same memory and a later walk goes on where an earlier one ended. Two verdicts come out. *Integrity*:
what is there is what was sealed, in that order. *Completeness*: everything that was started has its record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from qntx.capsules import canonical, cps
from qntx.capsules.capsule import RUN
from qntx.capsules.merkle import Frontier, capsule_leaf
from qntx.capsules.record import Record
from qntx.capsules.runs import Runs
from qntx.capsules.seal import Seal


class Level(StrEnum):
    """How closely to look; each includes those before it."""

    STRUCTURAL = "structural"
    """Places and links, trusting the stored hashes."""
    CONTENT = "content"
    """The hash of the stored text, and that its place is where it stands."""
    SIGNATURES = "signatures"
    """That a key of this keyring signed it."""


@dataclass
class ChainVerificationResult:
    """What verification found. `valid` is integrity; `complete` says whether every run has its record."""

    valid: bool
    error: str | None = None
    broken_at: str | None = None
    """The capsule where the chain broke."""
    capsules_verified: int = 0
    level: str = Level.CONTENT
    complete: bool | None = None
    """None where it was not asked: completeness is read from the content."""
    incomplete: str | None = None
    started: int = 0
    sealed: int = 0
    failed: int = 0
    running: int = 0
    root: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class _Environment(msgspec.Struct):
    run: Any = msgspec.field(name=RUN, default=None)


class _Context(msgspec.Struct):
    environment: _Environment


class _Outcome(msgspec.Struct):
    status: str


class _Place(msgspec.Struct):
    """What of a record's content says where it belongs. The rest is not decoded."""

    id: str
    type: str
    sequence: int
    previous_hash: str | None
    context: _Context
    outcome: _Outcome


_place = msgspec.json.Decoder(_Place)


class Broken(Exception):
    """The walk cannot go on past this record."""

    def __init__(self, capsule_id: str, fault: str) -> None:
        super().__init__(fault)
        self.capsule_id = capsule_id


@dataclass(slots=True)
class Walk:
    """Where a verification is. Raises Broken at the first record that is wrong."""

    level: Level
    seal: Seal | None = None
    public_key: bytes | None = None
    """Trust this key alone, whatever the keyring says."""
    expected: Mapping[int, tuple[bytes, str]] = field(default_factory=dict)
    """Roots that are known of this chain at certain sizes, and who says so."""
    frontier: Frontier = field(default_factory=Frontier)
    hash: str | None = None
    runs: Runs = field(default_factory=Runs)

    def take_all(self, records: Sequence[Record]) -> None:
        for record in records:
            self.take(record)

    def take(self, record: Record) -> None:
        place = self.frontier.size
        if fault := _mistyped(record):
            raise Broken(str(record.id), f"Record {place} cannot be read: {fault}")
        if record.sequence != place:
            raise Broken(record.id, f"Sequence gap: expected {place}, got {record.sequence}")
        if record.previous_hash != self.hash:
            raise Broken(
                record.id,
                f"Chain broken: previous_hash mismatch at sequence {place}"
                if place
                else "Genesis Capsule has previous_hash (should be None)",
            )
        if self.level is not Level.STRUCTURAL:
            self._take_content(record)
        if self.level is Level.SIGNATURES and not self._signed(record):
            raise Broken(record.id, f"Signature verification failed at sequence {place}")
        self.hash = record.hash
        self.frontier.append(capsule_leaf(record.hash))
        if place + 1 in self.expected:
            root, witness = self.expected[place + 1]
            if self.frontier.root() != root:
                raise Broken(record.id, f"The first {place + 1} records are not those of {witness}")

    def _take_content(self, record: Record) -> None:
        try:
            content = _hashed_text(record)
            place = _place.decode(content)
        except (ValueError, RecursionError) as error:
            raise Broken(record.id, f"Content hash mismatch at sequence {record.sequence}: {error}") from error
        said = (place.id, place.type, place.sequence, place.previous_hash)
        if said != (record.id, record.type, record.sequence, record.previous_hash):
            raise Broken(record.id, f"Content at sequence {record.sequence} was sealed for another place")
        if isinstance(place.context.environment.run, dict):
            self.runs.take(place.context.environment.run, place.outcome.status != "success")

    def _signed(self, record: Record) -> bool:
        if self.public_key is not None:
            return cps.signed(self.public_key, record.hash, record.signature)
        return self.seal is not None and self.seal.signed(record.hash, record.signature, record.signed_by)

    def dumps(self) -> str:
        peaks = [peak.hex() for peak in self.frontier.peaks]
        return json.dumps({"size": self.frontier.size, "peaks": peaks, "hash": self.hash, "runs": self.runs.dump()})

    def resume(self, text: str) -> None:
        """Go on where the walk that this text was kept of had come to."""
        kept = json.loads(text)
        self.frontier = Frontier(kept["size"], (bytes.fromhex(peak) for peak in kept["peaks"]))
        self.hash = kept["hash"]
        self.runs = Runs.load(kept["runs"])


def _mistyped(record: Record) -> str:
    """What of a record is not even of its kind: SQLite keeps anything in any column."""
    wrong = [
        name
        for name in ("id", "type", "data", "hash", "signature", "signed_by")
        if not isinstance(getattr(record, name), str)
    ]
    if not isinstance(record.previous_hash, str | None):
        wrong.append("previous_hash")
    return f"{', '.join(wrong)} is not text" if wrong else ""


def _hashed_text(record: Record) -> bytes:
    """The text that the record's hash covers. Raises ValueError where there is none.

    That is the stored text itself, if we wrote it. Other writers store other JSON text of the same document; that is
    brought to canonical form, and must leave no doubt about what document it is.
    """
    stored = record.data.encode()
    if cps.hash_of(stored) == record.hash:
        return stored
    text = canonical.encode(canonical.decode(record.data)).encode()
    if cps.hash_of(text) != record.hash:
        raise ValueError("the content is not what was sealed")
    return text
