"""What runs of glyphs say while they go: told together, in order, and there for who looks in later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from qntx.host.events import Hub
from qntx.host.executor import Happened, Script
from qntx.host.transcripts import DISPLAY_CHARACTERS_MAX, EVENT, SAID_MAX, TEXT_CHARACTERS_MAX, Transcripts

RUN = Script(code="1", glyph_id="g", execution_id="e")


class Heard:
    """What is told of runs, as a page hears it."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.transcripts = Transcripts(self.hub)
        self.told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def listen(self) -> None:
        async with aclosing(self.hub.listen([EVENT])) as events:
            async for event in events:
                self.told.put_nowait(event.data)

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            return await self.told.get()

    def say(self, kind: str, **data: Any) -> None:
        self.transcripts.happened(RUN, Happened(kind, data))


@pytest.fixture
async def heard() -> AsyncIterator[Heard]:
    made = Heard()
    listening = asyncio.create_task(made.listen())
    await asyncio.sleep(0)
    made.transcripts.began(RUN)
    yield made
    listening.cancel()


async def test_what_is_said_together_is_told_at_once_and_in_order(heard: Heard) -> None:
    heard.say("started")
    heard.say("stdout", text="one ")
    heard.say("stdout", text="two")
    heard.say("progress", current=1)
    heard.say("progress", current=2)
    heard.say("stderr", text="three")

    assert await heard.next() == {
        "glyph_id": "g",
        "execution_id": "e",
        "number": 1,
        "said": [
            {"kind": "stdout", "data": {"text": "one two"}},
            {"kind": "progress", "data": {"current": 2}},
            {"kind": "stderr", "data": {"text": "three"}},
        ],
    }


async def test_who_looks_in_later_has_what_was_said_and_where_it_goes_on(heard: Heard) -> None:
    heard.say("stdout", text="one")
    await heard.next()
    heard.say("stdout", text=" two")

    (run,) = heard.transcripts.under_way()

    assert run["said"] == [{"kind": "stdout", "data": {"text": "one two"}}]
    assert run["number"] == (await heard.next())["number"] == 2
    heard.say("stdout", text=" three")
    assert (await heard.next())["number"] == 3


async def test_a_run_that_ended_is_not_under_way_and_says_nothing_more(heard: Heard) -> None:
    heard.say("stdout", text="one")

    heard.transcripts.ended(RUN)
    heard.say("stdout", text="two")

    assert heard.transcripts.under_way() == []
    assert heard.told.empty()


async def test_what_is_kept_of_a_run_is_bounded(heard: Heard) -> None:
    heard.say("display", **{"image/png": "x" * (DISPLAY_CHARACTERS_MAX + 1)})
    heard.say("stdout", text="x" * TEXT_CHARACTERS_MAX)
    heard.say("stdout", text="end")
    (run,) = heard.transcripts.under_way()
    assert [each["kind"] for each in run["said"]] == ["stdout"]
    assert len(run["said"][0]["data"]["text"]) == TEXT_CHARACTERS_MAX
    assert run["said"][0]["data"]["text"].endswith("end")

    for number in range(SAID_MAX + 1):
        heard.say("log", message=str(number))

    said = heard.transcripts.under_way()[0]["said"]
    assert (len(said), said[-1]["data"]["message"]) == (SAID_MAX, str(SAID_MAX))
