"""Memory of the zygote, made cheap to fork: fewer, larger pages.

Copying page tables is most of what a fork costs. Collapsing the heap into huge pages, once, makes every later fork of a
zygote with large libraries several times cheaper. Where the kernel cannot (before 6.1, or huge pages are off), forks
are only slower.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from qntx.worker.sandbox import kernel

HUGE_PAGE_BYTES = 2 * 1024 * 1024


def collapse() -> None:
    with contextlib.suppress(OSError):
        for start in _whole_pages():
            kernel.madvise(start, HUGE_PAGE_BYTES, kernel.MADV_HUGEPAGE)
            # One that cannot be collapsed, being partly unmapped, is no reason to leave the rest.
            with contextlib.suppress(OSError):
                kernel.madvise(start, HUGE_PAGE_BYTES, kernel.MADV_COLLAPSE)


def _whole_pages() -> Iterator[int]:
    """Where a huge page lies wholly in the heap or in anonymous writable memory."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        lines = maps.readlines()
    for line in lines:
        fields = line.split()
        name = fields[5] if len(fields) > 5 else ""
        if "w" not in fields[1] or name not in ("", "[heap]"):
            continue
        start, end = (int(address, 16) for address in fields[0].split("-"))
        first = -(-start // HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES
        yield from range(first, end - HUGE_PAGE_BYTES + 1, HUGE_PAGE_BYTES)
