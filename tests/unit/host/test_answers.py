"""Answers of glyphs: kept, told and fed on, over a real canvas and attestations in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qntx.host.answers import EVENT, FED_BYTES_MAX, Answers
from qntx.host.canvas import RESULT_BYTES_MAX, Canvas, Glyph
from qntx.host.events import HostEvent, Hub
from qntx.host.executor import Answer, Happened, Script
from qntx.host.store.memory import MemoryStore
from qntx.host.transcripts import Transcripts
from qntx.model.attestation import Draft, Filter
from qntx.model.execution import Trigger

SOURCE = Glyph("a", "py:bio")
TARGET = Glyph("b", "py:data", fed_by="a")
INGEST = Glyph("i", "ix")


def answer(result: Any = None, error: str | None = None) -> Answer:
    return Answer(
        success=error is None,
        stdout="",
        stderr="",
        result=msgspec.Raw(msgspec.json.encode(result)),
        error=error,
        duration_ms=1.0,
        displays=[],
        glyph="py:bio",
        provider="bio",
        execution_id="e",
        capsule_id="",
        outcome="finished" if error is None else "raised",
        truncated=False,
    )


class World:
    """A canvas with two melded glyphs."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.store = MemoryStore()
        self.hub = Hub()
        self.told: list[dict[str, Any]] = []
        self.transcripts = Transcripts(self.hub)
        self.answers = Answers(canvas, self.store, self.hub, self.transcripts)

    async def run(self, script: Script, ended: Answer | None, *attested: Draft, reason: str = "") -> Script:
        script = await self.answers.began(script)
        for draft in attested:
            await self.store.add(draft)
        await self.answers.ended(script, ended, reason)
        return script

    async def filed(self) -> list[Any]:
        return [dict(one.attributes) for one in await self.store.find(Filter(predicates=("answered",)))]

    async def hub_is_heard(self) -> None:
        """Return once what was published before has been acted upon: a later job of another glyph is fed on."""
        await self.canvas.put(Glyph("later", "ix"))
        await self.canvas.keep_answer("later", b'{"job_id":"LATER"}')
        await self.canvas.put(Glyph("waits", "py", fed_by="later"))
        self.hub.publish("job", id="LATER", status="completed", completed_at="now", result="later")
        async with asyncio.timeout(10):
            await self.store.arrived(0)

    async def listen(self) -> None:
        async with aclosing(self.hub.listen([EVENT])) as events:
            async for event in events:
                self.told.append(event.data)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with Canvas(tmp_path / "canvas.db") as canvas:
        for glyph in (SOURCE, TARGET, INGEST):
            await canvas.put(glyph)
        made = World(canvas)
        listening = asyncio.create_task(made.listen())
        await asyncio.sleep(0)
        async with made.answers:
            await asyncio.sleep(0)
            yield made
        listening.cancel()


async def test_an_answer_is_kept_and_told_and_fed_on_once(world: World) -> None:
    await world.run(Script(code="1", glyph_id="a", execution_id="e"), answer({"protein": "MA"}))
    await asyncio.sleep(0)

    assert msgspec.json.decode(await world.canvas.answer("a") or b"")["result"] == {"protein": "MA"}
    assert await world.filed() == [{"answer": {"protein": "MA"}}]
    assert [(told["glyph_id"], told["status"]) for told in world.told] == [("a", "started"), ("a", "success")]


async def test_what_a_run_attested_itself_is_not_repeated_by_its_answer(world: World) -> None:
    mine = Draft(["s"], ["p"], ["c"], ["glyph:a"])

    await world.run(Script(code="1", glyph_id="a"), answer(1), mine)

    assert await world.filed() == []
    assert (await world.answers.began(Script(code="1", glyph_id="b"))).upstream["subjects"] == ["s"]


async def test_a_failed_run_and_one_that_feeds_nobody_feed_nobody(world: World) -> None:
    await world.run(Script(code="1", glyph_id="a"), answer(error="Traceback: no"))
    await world.run(Script(code="1", glyph_id="b"), answer(2))
    await world.run(Script(code="1", glyph_id="elsewhere"), answer(3))

    assert await world.filed() == []


async def test_a_run_that_never_answered_says_why(world: World) -> None:
    await world.run(Script(code="1", glyph_id="a"), None, reason="no plugin provides it")
    await asyncio.sleep(0)

    assert world.told[-1]["status"] == "error"
    assert world.told[-1]["error"] == "no plugin provides it"
    assert await world.canvas.answer("a") is None


async def test_of_a_run_that_goes_on_it_is_there_what_it_said(world: World) -> None:
    script = await world.answers.began(Script(code="1", glyph_id="a"))
    world.answers.happened(script, Happened("stdout", {"text": "half"}))
    strange = await world.answers.began(Script(code="1", glyph_id="elsewhere"))
    world.answers.happened(strange, Happened("stdout", {"text": "nobody sees it"}))

    assert [(run["glyph_id"], len(run["said"])) for run in world.transcripts.under_way()] == [("a", 1)]

    await world.answers.ended(script, answer(1))
    assert world.transcripts.under_way() == []


async def test_of_a_firing_whoever_fires_tells(world: World) -> None:
    await world.run(Script(code="1", glyph_id="a", trigger=Trigger("watcher", "w")), answer(1))
    await asyncio.sleep(0)

    assert world.told == []
    assert await world.filed() == [{"answer": 1}]


async def test_a_glyph_that_is_fed_sees_the_last_answer_unless_it_is_told_something_else(world: World) -> None:
    await world.canvas.keep_answer("a", msgspec.json.encode(answer([1, 2])))

    assert (await world.answers.began(Script(code="1", glyph_id="b"))).upstream == [1, 2]
    assert (await world.answers.began(Script(code="1", glyph_id="b", upstream=0))).upstream == 0
    assert (await world.answers.began(Script(code="1", glyph_id="a"))).upstream is None


async def test_the_result_of_an_ix_glyphs_job_is_its_answer(world: World) -> None:
    await world.canvas.keep_answer("i", b'{"job_id":"JB1"}')
    await world.canvas.put(Glyph("b", "py:data", fed_by="i"))

    world.hub.publish("job", id="JB2", status="completed", completed_at="now", result="another's")
    world.hub.publish("job", id="JB1", status="running", result=None)
    world.hub.publish("job", id="JB1", status="completed", completed_at="now", result={"rows": 3})

    async with asyncio.timeout(10):
        await world.store.arrived(0)
    assert await world.filed() == [{"answer": {"rows": 3}}]


async def test_a_job_that_ended_before_the_page_could_say_whose_it_is_is_fed_on_once(world: World) -> None:
    await world.canvas.put(Glyph("b", "py:data", fed_by="i"))
    world.hub.publish("job", id="JB1", status="completed", completed_at="now", result=7)
    await world.hub_is_heard()

    await world.canvas.keep_answer("i", b'{"job_id":"JB1"}')
    await world.answers.ingests("i", "JB1")
    await world.answers.ingests("i", "JB1")
    await asyncio.sleep(0)

    assert (world.told[0]["execution_id"], world.told[0]["status"]) == ("JB1", "started")
    assert await world.filed() == [{"answer": 7}, {"answer": "later"}]


async def test_what_is_too_large_is_neither_kept_nor_fed_on_and_says_so(world: World) -> None:
    await world.run(Script(code="1", glyph_id="a"), answer("x" * RESULT_BYTES_MAX))
    await asyncio.sleep(0)

    kept = msgspec.json.decode(await world.canvas.answer("a") or b"")
    assert "too large to keep" in kept["result"]
    assert await world.filed() == []
    assert FED_BYTES_MAX < RESULT_BYTES_MAX
    assert [told["error"][:7] for told in world.told if told["glyph_id"] == "b"] == ["not run"]


async def test_a_jobs_answer_is_fed_on_once_though_every_host_hears_of_it(world: World) -> None:
    await world.canvas.keep_answer("i", b'{"job_id":"JB1"}')
    await world.canvas.put(Glyph("b", "py:data", fed_by="i"))
    done = {"id": "JB1", "status": "completed", "completed_at": "now", "result": 7}

    world.hub.publish("job", **done)
    world.hub.pass_on(HostEvent("job", done, elsewhere=True))
    world.hub.pass_on(HostEvent("job", done | {"result": None}, elsewhere=True))
    world.hub.publish("job", **done | {"completed_at": "later, run again"})
    await world.hub_is_heard()

    async with asyncio.timeout(10):
        await world.store.arrived(2)
    assert await world.filed() == [{"answer": "later"}, {"answer": 7}, {"answer": 7}]


@pytest.mark.parametrize(
    "result", ["x" * FED_BYTES_MAX, "x" * (FED_BYTES_MAX - 10), json.loads("[" * 200 + "]" * 200)], ids=lambda _: ""
)
async def test_what_cannot_be_attested_is_not_fed_on_and_says_so(world: World, result: Any) -> None:
    await world.run(Script(code="1", glyph_id="a"), answer(result))
    await asyncio.sleep(0)

    assert await world.filed() == []
    assert [told["error"][:32] for told in world.told if told["glyph_id"] == "b"] == [
        "not run: what feeds it answered "
    ]
