"""Reads an answer of any length a page at a time, so that no more of it is held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from qntx.model.attestation import Attestation

PAGE = 2000
"""Rows that a stream reads at a time."""

Page = Callable[[int | None, int], Awaitable[Sequence[tuple[int, Attestation]]]]
"""Those numbered below, the newest first, at most so many."""


async def paged(page: Page, limit: int | None) -> AsyncIterator[Attestation]:
    """At most `limit` of them; all where it is None."""
    below: int | None = None
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        found = await page(below, size)
        for _, attestation in found:
            yield attestation
        if len(found) < size:
            return
        below = found[-1][0]
        left = None if left is None else left - len(found)
