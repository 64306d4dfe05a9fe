"""The Merkle tree of RFC 9162 over the hashes of a chain: its root, and proofs about it.

Pure: what is needed from storage is named as complete subtrees, `(level, position)`, each covering `2**level` leaves
from `position * 2**level`; whoever has the storage fetches them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

TILE_LEVELS = 8
"""Storage keeps the subtrees of every eighth level; those between are made from at most 256 below."""


class Node(NamedTuple):
    """A complete subtree."""

    level: int
    position: int


Fetch = Callable[[Node], bytes]


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def capsule_leaf(hash_hex: str) -> bytes:
    """The leaf that stands for a record: over the 32 bytes of its hash."""
    try:
        return leaf(bytes.fromhex(hash_hex))
    except (ValueError, TypeError):
        # Somebody edited the hash. The tree goes on, with a root that no checkpoint agrees with.
        return leaf(repr(hash_hex).encode())


class Frontier:
    """The roots of the complete subtrees on the tree's right edge: all that appending and the root need."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if len(self.peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} peaks, not {len(self.peaks)}")

    def append(self, leaf_hash: bytes) -> list[tuple[Node, bytes]]:
        """Take the next leaf; return the subtrees it completes that storage keeps."""
        self.size += 1
        kept = []
        level, carry, rest = 0, leaf_hash, self.size
        while rest & 1 == 0:
            carry = parent(self.peaks.pop(), carry)
            level, rest = level + 1, rest >> 1
            if level % TILE_LEVELS == 0:
                kept.append((Node(level, rest - 1), carry))
        self.peaks.append(carry)
        return kept

    def root(self) -> bytes:
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = parent(peak, root)
        return root

    def copy(self) -> Frontier:
        return Frontier(self.size, self.peaks)


def split(size: int) -> int:
    """The largest power of two below a size of at least two."""
    return 1 << ((size - 1).bit_length() - 1)


def range_root(start: int, stop: int, fetch: Fetch) -> bytes:
    """The root over leaves [start, stop), which must be a node of some RFC 9162 tree."""
    width = stop - start
    if width & (width - 1) == 0 and start % width == 0:
        level = width.bit_length() - 1
        return fetch(Node(level, start >> level))
    middle = start + split(width)
    return parent(range_root(start, middle, fetch), range_root(middle, stop, fetch))


def inclusion(index: int, size: int, fetch: Fetch) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size` (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path, start, stop = [], 0, size
    while stop - start > 1:
        middle = start + split(stop - start)
        if index < middle:
            path.append(range_root(middle, stop, fetch))
            stop = middle
        else:
            path.append(range_root(start, middle, fetch))
            start = middle
    return path[::-1]


def consistency(old: int, size: int, fetch: Fetch) -> list[bytes]:
    """The proof that the tree of `size` begins with the tree of `old` (RFC 9162, 2.1.4.1)."""
    if not 0 < old <= size:
        raise ValueError(f"a tree of {size} leaves does not extend one of {old}")
    if old == size:
        return []
    path, start, stop, whole = [], 0, size, True
    while old != stop:
        middle = start + split(stop - start)
        if old <= middle:
            path.append(range_root(middle, stop, fetch))
            stop = middle
        else:
            path.append(range_root(start, middle, fetch))
            start, whole = middle, False
    if not whole:
        path.append(range_root(start, stop, fetch))
    return path[::-1]


def check_inclusion(index: int, size: int, leaf_hash: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162, 2.1.3.2."""
    if not 0 <= index < size:
        return False
    first, last, found = index, size - 1, leaf_hash
    for step in path:
        if last == 0:
            return False
        if first & 1 or first == last:
            found = parent(step, found)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = parent(found, step)
        first, last = first >> 1, last >> 1
    return last == 0 and found == root


def check_consistency(old: int, size: int, old_root: bytes, root: bytes, path: Sequence[bytes]) -> bool:
    """RFC 9162, 2.1.4.2."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not path and old_root == root
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not path:
        return False
    first, last = old - 1, size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    found_old = found = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            found_old, found = parent(step, found_old), parent(step, found)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = parent(found, step)
        first, last = first >> 1, last >> 1
    return last == 0 and found_old == old_root and found == root
