"""The canvas: `/api/canvas`, where the page keeps its glyphs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from qntx.host.answers import Answers
from qntx.host.api.errors import RESPONSES, Body
from qntx.host.canvas import Glyph
from qntx.host.keeping import CanvasStore
from qntx.host.melds import Melds

PIXELS_MAX = 1e6


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


class CanvasAnswer(BaseModel):
    glyphs: list[GlyphAnswer]


class AnswerBody(Body):
    result: Any = Field(description="What the glyph answered.")


def router(canvas: CanvasStore, melds: Melds, answers: Answers) -> APIRouter:
    routes = APIRouter(prefix="/api/canvas", tags=["canvas"], responses=RESPONSES)

    @routes.get("")
    async def show() -> CanvasAnswer:
        """Every glyph, in the order they were placed."""
        return CanvasAnswer(glyphs=[GlyphAnswer(**asdict(glyph)) for glyph in await canvas.glyphs()])

    @routes.put("/{glyph_id}")
    async def place(glyph_id: str, body: GlyphBody) -> GlyphAnswer:
        """Place a glyph, or change it. One that was removed is not placed again."""
        glyph = Glyph(id=glyph_id, **body.model_dump())
        await canvas.put(glyph)
        await melds.follow()
        return GlyphAnswer(**asdict(glyph))

    @routes.delete("/{glyph_id}", status_code=204)
    async def remove(glyph_id: str) -> Response:
        """Take it away, with its answer."""
        await canvas.remove(glyph_id)
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
