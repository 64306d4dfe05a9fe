"""Melds: the watchers of a canvas, and what the glyphs they set off see."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.unit.host.watchers.test_engine import World

from qntx.host.canvas import Canvas, Glyph
from qntx.host.melds import Melds, answered, edges, upstream_of
from qntx.host.store.memory import MemoryStore
from qntx.model.attestation import Draft, Filter
from qntx.model.watcher import Action, check
from qntx.wire.record import record_of

BIO = Glyph("a", "py:bio", "gc")
DATA = Glyph("b", "py:data", fed_by="a")


def test_a_meld_is_the_watcher_that_qntxs_own_canvas_makes_of_it() -> None:
    (edge,) = edges([BIO, DATA])

    check(edge)
    assert edge.id == "meld-edge-canvas-a-b"
    assert edge.action is Action.GLYPH_EXECUTE
    assert json.loads(edge.action_data) == {
        "target_glyph_id": "b",
        "target_glyph_type": "py:data",
        "composition_id": "canvas",
        "source_glyph_id": "a",
    }
    assert edge.wanted == Filter(actors=("glyph:a",))


def test_what_is_fed_by_a_glyph_that_is_not_there_waits_for_nothing() -> None:
    assert edges([DATA]) == []


async def test_the_watchers_follow_the_canvas_and_stay_disabled_where_a_person_did_that(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with Canvas(tmp_path / "canvas.db") as canvas, world.engine() as engine:
        melds = Melds(canvas, engine)
        await canvas.put(BIO)
        await canvas.put(DATA)
        await melds.follow()
        edge = engine.get("meld-edge-canvas-a-b")
        await engine.change(replace(edge, enabled=False))
        updated_at = engine.get(edge.id).updated_at_ms

        await melds.follow()
        assert engine.get(edge.id).updated_at_ms == updated_at, "nothing is written where nothing changed"
        await canvas.put(replace(DATA, symbol="py"))
        await melds.follow()
        assert (engine.get(edge.id).enabled, engine.get(edge.id).glyph) == (False, "py")
        await canvas.put(replace(DATA, fed_by=""))
        await melds.follow()
        assert engine.watchers() == []


async def test_upstream_is_the_attestation_or_the_answer_that_it_stands_for() -> None:
    store = MemoryStore()
    attested = await store.add(Draft(["s"], ["p"], ["canvas"], ["glyph:a"], {"answer": 1}))
    answer = await store.add(answered("a", {"protein": "MA"}))

    assert upstream_of(attested) == record_of(attested)
    assert upstream_of(answer) == {"protein": "MA"}
    assert answer.actors == ("glyph:a",)
