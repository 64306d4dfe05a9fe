"""What a script attests, on its way to a store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from qntx.engine.notes import BACKLOG_BYTES_MAX, BATCH, DRAFTS_MAX, Notes
from qntx.engine.untrusted import Unreadable
from qntx.script.drafts import DRAFT_BYTES_MAX


class Home:
    """A store that takes a batch whenever it is told to."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.taken: list[bytes] = []

    async def attest(self, drafts: Sequence[bytes]) -> Sequence[tuple[str, int]]:
        await self.open.wait()
        start = len(self.taken)
        self.taken += drafts
        return [(f"AS-{number}", number) for number in range(start, len(self.taken))]


class Line:
    """What the worker is told."""

    def __init__(self) -> None:
        self.home = Home()
        self.stored: list[tuple[int, Sequence[tuple[str, int]]]] = []
        self.refused: list[tuple[int, int, str]] = []
        self.full: list[bool] = []
        self.notes = Notes(
            self.home,
            0,
            lambda first, answers: self.stored.append((first, answers)),
            lambda first, count, why: self.refused.append((first, count, why)),
            self.full.append,
        )


async def test_an_id_can_be_asked_for_long_after_its_batch_was_stored() -> None:
    line = Line()
    line.home.open.set()
    for number in range(3 * BATCH):
        line.notes.add(b"%d" % number)
    await line.notes.settled()

    line.notes.want(BATCH + 7)

    [(first, answers)] = line.stored
    assert answers[BATCH + 7 - first] == (f"AS-{BATCH + 7}", BATCH + 7)


async def test_a_store_that_does_not_keep_up_stops_the_script_and_then_lets_it_go_on() -> None:
    line = Line()
    draft = b"x" * 1024
    for _ in range(BACKLOG_BYTES_MAX // 1024 + 1):
        line.notes.add(draft)
    assert line.full[-1] is True

    line.home.open.set()
    await line.notes.settled()

    assert line.full[-1] is False
    assert line.notes.answered == line.notes.received == len(line.home.taken)


async def test_what_no_script_sends_by_accident_is_refused_before_it_is_taken_apart() -> None:
    line = Line()

    with pytest.raises(OverflowError, match=f"more than {DRAFTS_MAX} attestations"):
        line.notes.add(b"\n" * DRAFTS_MAX)
    with pytest.raises(Unreadable, match="an attestation of 1048577 bytes"):
        Line().notes.add(b"{}\n" + b"x" * (DRAFT_BYTES_MAX + 1))

    assert line.home.taken == []
