"""Proofs about a chain that need nothing of it: that a capsule is in it, that it only grew."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qntx.capsules import merkle
from qntx.capsules.merkle import TILE_LEVELS, Fetch, Node, capsule_leaf, parent
from qntx.capsules.storage.base import ChainStorage
from qntx.errors import ChainError

PAGE_LEAVES = 4_096


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """Who holds a checkpoint of `size` and this can check that `hash` was sealed, and where."""

    origin: str
    sequence: int
    size: int
    hash: str
    path: tuple[bytes, ...]
    root: bytes

    def holds(self, root: bytes | None = None) -> bool:
        """Does it lead to this root, or its own?"""
        leaf = capsule_leaf(self.hash)
        return merkle.check_inclusion(self.sequence, self.size, leaf, self.path, root or self.root)

    def to_dict(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "sequence": self.sequence,
            "size": self.size,
            "hash": self.hash,
            "path": [_encoded(step) for step in self.path],
            "root": _encoded(self.root),
        }

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> InclusionProof:
        try:
            path = tuple(base64.b64decode(step, validate=True) for step in given["path"])
            root = base64.b64decode(given["root"], validate=True)
            return cls(given["origin"], given["sequence"], given["size"], given["hash"], path, root)
        except (KeyError, TypeError, ValueError) as error:
            raise ChainError(f"this is no inclusion proof: {error!r}") from error


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """Who holds a checkpoint of `old` can check that the chain of `size` begins with it."""

    origin: str
    old: int
    size: int
    old_root: bytes
    root: bytes
    path: tuple[bytes, ...]

    def holds(self) -> bool:
        return merkle.check_consistency(self.old, self.size, self.old_root, self.root, self.path)

    def to_dict(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "old": self.old,
            "size": self.size,
            "old_root": _encoded(self.old_root),
            "root": _encoded(self.root),
            "path": [_encoded(step) for step in self.path],
        }


async def gather(storage: ChainStorage, tenant_id: str | None, make: Callable[[Fetch], list[bytes]]) -> list[bytes]:
    """Make a proof whose subtrees are in storage: once to learn which they are, then with them at hand."""
    needed: list[Node] = []

    def note(node: Node) -> bytes:
        needed.append(node)
        return b""

    make(note)
    found = {node: await _subtree(storage, tenant_id, node) for node in needed}
    return make(found.__getitem__)


async def _subtree(storage: ChainStorage, tenant_id: str | None, node: Node) -> bytes:
    level, position = node
    below = level % TILE_LEVELS
    start, stop = position << below, (position + 1) << below
    base = level - below
    if base:
        hashes = list(await storage.nodes(base, start, stop, tenant_id))
        if len(hashes) == stop - start:
            return _folded(hashes)
        # A storage that keeps no subtrees, or a chain that others have written: from the leaves, then.
        start, stop = position << level, (position + 1) << level
    hashes = []
    for at in range(start, stop, PAGE_LEAVES):
        page = await storage.hashes(at, min(at + PAGE_LEAVES, stop), tenant_id)
        hashes += [capsule_leaf(hash_hex) for hash_hex in page]
    if len(hashes) != stop - start:
        raise ChainError(f"records are missing between sequence {start} and {stop}")
    return _folded(hashes)


def _folded(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [parent(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
