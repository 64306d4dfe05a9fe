"""Melds: what one glyph attests or answers sets off the next. Each is a watcher, so that chains need no page.

A glyph is set off by every attestation that the one before it files. Where a run of that one files none, the host files
what it answered in its stead; the next then has that answer as `upstream`, and not the attestation around it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from qntx.host.canvas import Glyph
from qntx.host.keeping import CanvasStore
from qntx.host.watchers.engine import Engine
from qntx.model.attestation import Attestation, Draft, Filter
from qntx.model.watcher import Action, Watcher
from qntx.wire.record import record_of

COMPOSITION = "canvas"
ANSWERED = "answered"
FIRES_PER_SECOND = 10.0


class Melds:
    """Keeps the watchers in step with the canvas."""

    def __init__(self, canvas: CanvasStore, engine: Engine) -> None:
        self._canvas = canvas
        self._engine = engine
        self._turn = asyncio.Lock()

    async def follow(self) -> None:
        """Make the watchers of the canvas those of its melds. Nothing is written where they are."""
        async with self._turn:
            wanted = edges(await self._canvas.glyphs())
            there = [watcher for watcher in self._engine.watchers() if watcher.plugin == COMPOSITION]
            if {_meaning(watcher) for watcher in wanted} != {_meaning(watcher) for watcher in there}:
                await self._engine.declare(COMPOSITION, wanted)


def edges(glyphs: Iterable[Glyph]) -> list[Watcher]:
    """The watchers of their melds, as QNTX's own canvas compiles them."""
    by_id = {glyph.id: glyph for glyph in glyphs}
    return [_edge(source, glyph) for glyph in by_id.values() if glyph.fed_by and (source := by_id.get(glyph.fed_by))]


def answered(glyph_id: str, answer: Any) -> Draft:
    """What is filed for a run that filed nothing itself."""
    glyph = actor(glyph_id)
    return Draft([glyph], [ANSWERED], [COMPOSITION], [glyph], {"answer": answer}, source=COMPOSITION)


def upstream_of(claim: Attestation) -> Any:
    """What a glyph that this sets off sees as `upstream`: the attestation, or the answer that it stands for."""
    stands_for_answer = claim.predicates == (ANSWERED,) and claim.contexts == (COMPOSITION,)
    if stands_for_answer and "answer" in claim.attributes:
        return claim.attributes["answer"]
    return record_of(claim)


def actor(glyph_id: str) -> str:
    """As what a script in that glyph attests."""
    return f"glyph:{glyph_id}"


def _edge(source: Glyph, target: Glyph) -> Watcher:
    action = {
        "target_glyph_id": target.id,
        "target_glyph_type": target.symbol,
        "composition_id": COMPOSITION,
        "source_glyph_id": source.id,
    }
    return Watcher(
        f"meld-edge-{COMPOSITION}-{source.id}-{target.id}",
        f"{source.title or source.symbol} → {target.title or target.symbol}",
        Filter(actors=(actor(source.id),)),
        Action.GLYPH_EXECUTE,
        json.dumps(action),
        glyph=target.symbol,
        max_fires_per_second=FIRES_PER_SECOND,
        plugin=COMPOSITION,
    )


def _meaning(watcher: Watcher) -> Watcher:
    """Without what the engine keeps of it, or a person may set."""
    return replace(watcher, enabled=True, from_position=0, created_at_ms=0, updated_at_ms=0)
