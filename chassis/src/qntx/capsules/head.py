"""Where a chain ends, and how a batch of drafts goes on from there.

Pure but for the seal. One writer at a time extends a chain, inside one transaction of its storage, so that place, link,
seal, tree and counts of a record are one step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from qntx.capsules import canonical
from qntx.capsules.merkle import Frontier, Node, capsule_leaf
from qntx.capsules.record import Draft, Record
from qntx.capsules.seal import Seal
from qntx.errors import ChainError

UNREADABLE = "what is kept of the chain beside its records cannot be read"
GAP_MAX = 1_000_000
"""Records that may be missing in a row for sealing to go on behind them."""
PAGE = 4_096
"""Records read at once."""


@dataclass(slots=True)
class Head:
    """What is kept of a chain beside its records."""

    size: int = 0
    hash: str | None = None
    frontier: Frontier = field(default_factory=Frontier)
    sealed: int = 0
    """Runs that have a record."""
    failed: int = 0
    """Those of them that did not succeed."""
    fault: str = ""
    """The first disagreement between this and the records that a writer met. Verification reports it."""

    def dumps(self) -> str:
        return json.dumps(
            {
                "size": self.size,
                "hash": self.hash,
                "peaks": [peak.hex() for peak in self.frontier.peaks],
                "sealed": self.sealed,
                "failed": self.failed,
                "fault": self.fault,
            }
        )

    @classmethod
    def loads(cls, text: str | None) -> Head:
        """What was kept. Where that cannot be read, it is the fault of a chain that is counted anew."""
        if text is None:
            return cls()
        try:
            kept = json.loads(text)
            frontier = Frontier(kept["size"], (bytes.fromhex(peak) for peak in kept["peaks"]))
            _check_kinds(kept)
            return cls(kept["size"], kept["hash"], frontier, kept["sealed"], kept["failed"], kept["fault"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return cls(fault=UNREADABLE)

    def grow(self, hash_hex: str) -> list[tuple[Node, bytes]]:
        """One record more. Returns the subtrees that are complete now and kept."""
        self.size += 1
        self.hash = hash_hex
        return self.frontier.append(capsule_leaf(hash_hex))

    def reconcile(self, size: int, hashes: Callable[[int, int], Sequence[str]]) -> list[tuple[Node, bytes]]:
        """Agree with the `size` records that are there, others may have written some. `hashes` reads [start, stop).

        Returns the subtrees to keep. Where the records are not those that were sealed, sealing goes on from what is
        there, and the fault stays on record.
        """
        if self.size > size:
            self._restart(f"the chain once held {self.size} records and was found with {size}")
        elif self.size and list(hashes(self.size - 1, self.size)) != [self.hash]:
            self._restart(f"the record at sequence {self.size - 1} is not the one that was sealed there")
        nodes = []
        while self.size < size:
            stop = min(size, self.size + PAGE)
            page = list(hashes(self.size, stop))
            if not page and size - self.size > GAP_MAX:
                raise ChainError(f"no record stands at sequence {self.size}, and one at {size - 1}: nothing is sealed")
            if len(page) < stop - self.size:
                self.fault = self.fault or f"records are missing between sequence {self.size} and {stop}"
                page += [""] * (stop - self.size - len(page))
            for hash_hex in page:
                nodes += self.grow(hash_hex)
        return nodes

    def _restart(self, fault: str) -> None:
        self.fault = self.fault or fault
        self.size, self.hash, self.frontier = 0, None, Frontier()

    def extend(
        self, drafts: Sequence[Draft], seal: Seal, tenant_id: str | None
    ) -> tuple[list[Record], list[tuple[Node, bytes]]]:
        """Give these drafts their places, in order, and seal them."""
        signed_at = datetime.now(UTC).isoformat()
        records, nodes = [], []
        for draft in drafts:
            record = self._sealed(draft, seal, signed_at, tenant_id)
            nodes += self.grow(record.hash)
            records.append(record)
        return records, nodes

    def _sealed(self, draft: Draft, seal: Seal, signed_at: str, tenant_id: str | None) -> Record:
        previous = "null" if self.hash is None else f'"{self.hash}"'
        values: tuple[str, ...] = (previous, str(self.size))
        if draft.counted:
            self.sealed += 1
            self.failed += draft.failed
            # context comes before previous_hash and sequence in the canonical order.
            values = (canonical.encode({"failed": self.failed, "sealed": self.sealed}), *values)
        content = canonical.join(draft.pieces, values)
        stamp = seal.stamp(content)
        return Record(
            draft.id, draft.type, self.size, self.hash, content.decode(), stamp.hash, stamp.signature,
            stamp.signature_pq, signed_at, stamp.signed_by, draft.session_id, draft.domain, tenant_id,
        )  # fmt: skip


def _check_kinds(kept: Any) -> None:
    counts = [kept[name] for name in ("size", "sealed", "failed")]
    if not all(type(count) is int and count >= 0 for count in counts):
        raise TypeError("a count is no count")
    if not isinstance(kept["hash"], str | None) or not isinstance(kept["fault"], str):
        raise TypeError("a text is no text")
