"""Memory of the zygote, made cheap to fork: fewer mappings, and fewer, larger pages.

Copying mappings and page tables is most of what a fork costs, and undoing that most of what a worker's end costs. A
loader leaves five mappings for a library, of different rights; giving neighbours the same ones, once, leaves two.
Collapsing the heap into huge pages makes its tables short. Where the kernel cannot, forks are only slower.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from qntx.worker.sandbox import kernel

HUGE_PAGE_BYTES = 2 * 1024 * 1024
_CONSTANT = ("r--p", "r-xp")


class Mapping(NamedTuple):
    """A line of /proc/self/maps."""

    start: int
    end: int
    rights: str
    offset: int
    name: str

    def goes_on_in(self, following: Mapping) -> bool:
        """Are both neighbouring parts of one file?"""
        adjacent = self.end == following.start and self.offset + self.end - self.start == following.offset
        return adjacent and self.name == following.name and self.name.startswith("/")


_END = Mapping(0, 0, "", 0, "")


def join() -> None:
    """Make one mapping of a library's code and constants, and one of its data and what is fixed once it is loaded.

    Rights are only added, and only such as any code in this process could give itself: what holds it in lies outside.
    Before the zygote forks for the first time: a kernel joins no data that was inherited.
    """
    mappings = _mappings()
    fixed = fixed_data(mappings)
    for each in fixed:
        _grant(each.start, each.end, kernel.PROT_READ | kernel.PROT_WRITE)
    for start, end in code_spans([each for each in mappings if each not in fixed]):
        _grant(start, end, kernel.PROT_READ | kernel.PROT_EXEC)


def collapse() -> None:
    with contextlib.suppress(OSError):
        for start in _whole_pages():
            kernel.madvise(start, HUGE_PAGE_BYTES, kernel.MADV_HUGEPAGE)
            # One that cannot be collapsed, being partly unmapped, is no reason to leave the rest.
            with contextlib.suppress(OSError):
                kernel.madvise(start, HUGE_PAGE_BYTES, kernel.MADV_COLLAPSE)


def fixed_data(mappings: Iterable[Mapping]) -> set[Mapping]:
    """What the loader wrote and then made read-only: the beginning of a library's data."""
    neighbours = pairwise(mappings)
    return {
        each for each, data in neighbours if (each.rights, data.rights) == ("r--p", "rw-p") and each.goes_on_in(data)
    }


def code_spans(mappings: Iterable[Mapping]) -> Iterator[tuple[int, int]]:
    """Where a library's code lies, with the constants before and behind it."""
    part: list[Mapping] = []
    for each in (*mappings, _END):
        if part and not (each.rights in _CONSTANT and part[-1].goes_on_in(each)):
            if len(part) > 1 and any(known.rights == "r-xp" for known in part):
                yield part[0].start, part[-1].end
            part = []
        if each.rights in _CONSTANT:
            part.append(each)


def _grant(start: int, end: int, rights: int) -> None:
    # Refused by a policy of the machine, it stays as it is.
    with contextlib.suppress(OSError):
        kernel.mprotect(start, end - start, rights)


def _whole_pages() -> Iterator[int]:
    """Where a huge page lies wholly in the heap or in anonymous writable memory."""
    for mapping in _mappings():
        if "w" not in mapping.rights or mapping.name not in ("", "[heap]"):
            continue
        first = -(-mapping.start // HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES
        yield from range(first, mapping.end - HUGE_PAGE_BYTES + 1, HUGE_PAGE_BYTES)


def _mappings() -> list[Mapping]:
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        return [_mapping(*line.split(maxsplit=5)) for line in maps]


def _mapping(addresses: str, rights: str, offset: str, _device: str, _inode: str, name: str = "") -> Mapping:
    start, end = addresses.split("-")
    return Mapping(int(start, 16), int(end, 16), rights, int(offset, 16), name.rstrip())
