"""The canvas: `/api/canvas`, where the page keeps its glyphs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from qntx.errors import NotFound
from qntx.host.answers import Answers
from qntx.host.api.errors import RESPONSES, Body, Fault
from qntx.host.canvas import Glyph
from qntx.host.events import Hub
from qntx.host.keeping import CanvasStore
from qntx.host.melds import Melds

PIXELS_MAX = 1e6
EVENT = "glyph"
"""A glyph was placed, changed or removed: its id, and its version; none where it is not there any more."""

CHANGED: dict[int | str, dict[str, Any]] = {
    409: {"model": Fault, "description": "It is of another version by now: look at it, and change it as it is."}
}


class GlyphBody(Body):
    """What is left out is as it is for a new glyph."""

    symbol: str = Field(min_length=1, max_length=100, description="`py`, `py:bio`, …, or `ix`.")
    title: str = Field(default="", max_length=200)
    x: float = Field(default=0, ge=-PIXELS_MAX, le=PIXELS_MAX)
    y: float = Field(default=0, ge=-PIXELS_MAX, le=PIXELS_MAX)
    width: float = Field(default=0, ge=0, le=PIXELS_MAX)
    height: float = Field(default=0, ge=0, le=PIXELS_MAX)
    content: str = Field(default="", description="The code, or the line, that is written in it.")
    timeout_seconds: float | None = Field(default=None, ge=0, description="Of its runs; null for the variant's own.")
    fed_by: str = Field(
        default="",
        max_length=100,
        description="The glyph whose attestations, or else answers, set it off.",
    )
    version: str = Field(
        default="",
        max_length=100,
        description="Which version this changes; refused with 409 where it is another by now. Left out, any.",
    )


class GlyphAnswer(BaseModel):
    """A glyph on the canvas."""

    id: str
    symbol: str
    title: str
    x: float
    y: float
    width: float
    height: float
    content: str
    timeout_seconds: float | None
    fed_by: str
    version: str = Field(description="Another once anything of it is changed.")


class CanvasAnswer(BaseModel):
    glyphs: list[GlyphAnswer]


class AnswerBody(Body):
    result: Any = Field(description="What the glyph answered.")


def router(canvas: CanvasStore, melds: Melds, answers: Answers, hub: Hub) -> APIRouter:
    routes = APIRouter(prefix="/api/canvas", tags=["canvas"], responses=RESPONSES)

    @routes.get("")
    async def show() -> CanvasAnswer:
        """Every glyph, in the order they were placed."""
        return CanvasAnswer(glyphs=[_told(glyph) for glyph in await canvas.glyphs()])

    @routes.get("/{glyph_id}")
    async def look(glyph_id: str) -> GlyphAnswer:
        """One glyph, as it is now."""
        if (glyph := await canvas.glyph(glyph_id)) is None:
            raise NotFound(f"no glyph on the canvas has the id {glyph_id!r}")
        return _told(glyph)

    @routes.put("/{glyph_id}", responses=CHANGED)
    async def place(glyph_id: str, body: GlyphBody) -> GlyphAnswer:
        """Place a glyph, or change it. One that was removed is not placed again."""
        glyph = Glyph(id=glyph_id, **body.model_dump(exclude={"version"}))
        await canvas.put(glyph, body.version)
        hub.publish(EVENT, glyph_id=glyph_id, version=glyph.version)
        await melds.follow()
        return _told(glyph)

    @routes.delete("/{glyph_id}", status_code=204)
    async def remove(glyph_id: str) -> Response:
        """Take it away, with its answer."""
        fed = await canvas.fed_by(glyph_id)
        await canvas.remove(glyph_id)
        hub.publish(EVENT, glyph_id=glyph_id, version="")
        for glyph in [await canvas.glyph(each) for each in fed]:
            if glyph is not None:
                hub.publish(EVENT, glyph_id=glyph.id, version=glyph.version)
        await melds.follow()
        return Response(status_code=204)

    @routes.get("/{glyph_id}/result", response_class=Response, responses={200: {"model": AnswerBody}})
    async def answer(glyph_id: str) -> Response:
        """What it last answered; null where nothing is kept."""
        kept = await canvas.answer(glyph_id)
        return Response(b'{"result":%s}' % (kept or b"null"), media_type="application/json")

    @routes.put("/{glyph_id}/result", status_code=204)
    async def keep_answer(glyph_id: str, body: AnswerBody) -> Response:
        """In place of the one before."""
        await canvas.keep_answer(glyph_id, msgspec.json.encode(body.result))
        if isinstance(body.result, dict) and isinstance(job := body.result.get("job_id"), str):
            await answers.ingests(glyph_id, job)
        return Response(status_code=204)

    return routes


def _told(glyph: Glyph) -> GlyphAnswer:
    return GlyphAnswer(**asdict(glyph), version=glyph.version)
