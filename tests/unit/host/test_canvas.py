"""The canvas: what is placed on it is there when it is opened again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from qntx.errors import InvalidRequest, NotFound
from qntx.host.canvas import CONTENT_CHARACTERS_MAX, GLYPHS_MAX, RESULT_BYTES_MAX, Canvas, Glyph

BIO = Glyph("a", "py:bio", "gc", 10, 20, 400, 300, "1 + 1", 30.0)
DATA = Glyph("b", "py:data", fed_by="a")


@pytest.fixture
async def canvas(tmp_path: Path) -> AsyncIterator[Canvas]:
    async with Canvas(tmp_path / "canvas.db") as opened:
        yield opened


async def test_what_was_placed_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    async with Canvas(tmp_path / "canvas.db") as canvas:
        await canvas.put(BIO)
        await canvas.put(DATA)
        await canvas.keep_answer("a", b'{"result":2}')

    async with Canvas(tmp_path / "canvas.db") as canvas:
        assert await canvas.glyphs() == [BIO, DATA]
        assert await canvas.answer("a") == b'{"result":2}'


async def test_a_glyph_that_is_changed_keeps_its_place_and_its_answer(canvas: Canvas) -> None:
    await canvas.put(BIO)
    await canvas.put(DATA)
    await canvas.keep_answer("a", b"1")

    await canvas.put(replace(BIO, content="2 + 2"))

    assert [glyph.content for glyph in await canvas.glyphs()] == ["2 + 2", ""]
    assert await canvas.answer("a") == b"1"


async def test_a_glyph_that_is_removed_takes_its_answer_along_and_feeds_nothing(canvas: Canvas) -> None:
    await canvas.put(BIO)
    await canvas.put(DATA)
    await canvas.keep_answer("a", b"1")

    await canvas.remove("a")

    assert await canvas.glyphs() == [replace(DATA, fed_by="")]
    assert await canvas.answer("a") is None


async def test_a_glyph_that_is_not_there_cannot_be_removed_or_answer(canvas: Canvas) -> None:
    with pytest.raises(NotFound):
        await canvas.remove("nothing")
    with pytest.raises(NotFound):
        await canvas.keep_answer("nothing", b"1")


async def test_a_late_save_does_not_bring_a_removed_glyph_back(canvas: Canvas) -> None:
    await canvas.put(BIO)
    await canvas.remove("a")

    with pytest.raises(NotFound, match="was removed"):
        await canvas.put(BIO)
    assert await canvas.glyphs() == []


async def test_it_says_which_glyphs_one_feeds_and_which_one_a_job_is_of(canvas: Canvas) -> None:
    await canvas.put(BIO)
    await canvas.put(DATA)
    await canvas.put(Glyph("i", "ix"))
    await canvas.keep_answer("i", b'{"job_id":"JB1"}')

    assert await canvas.glyph("b") == DATA
    assert await canvas.glyph("nothing") is None
    assert await canvas.fed_by("a") == ["b"]
    assert await canvas.ingesting("JB1") == ["i"]
    assert await canvas.ingesting("JB2") == []


async def test_the_canvas_has_bounds(canvas: Canvas) -> None:
    for number in range(GLYPHS_MAX):
        await canvas.put(Glyph(str(number), "py"))

    with pytest.raises(InvalidRequest):
        await canvas.put(Glyph("one more", "py"))
    with pytest.raises(InvalidRequest):
        await canvas.put(Glyph("0", "py", content="x" * (CONTENT_CHARACTERS_MAX + 1)))
    with pytest.raises(InvalidRequest):
        await canvas.keep_answer("0", b"x" * (RESULT_BYTES_MAX + 1))
    assert len(await canvas.glyphs()) == GLYPHS_MAX
