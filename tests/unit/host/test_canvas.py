"""The canvas: what is placed on it is there when it is opened again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from qntx.db.postgres_database import Database
from qntx.errors import Conflict, InvalidRequest, NotFound
from qntx.host.canvas import CONTENT_CHARACTERS_MAX, GLYPHS_MAX, RESULT_BYTES_MAX, Canvas, Glyph
from qntx.host.canvas_postgres import PostgresCanvas
from qntx.host.keeping import CanvasStore

BIO = Glyph("a", "py:bio", "gc", 10, 20, 400, 300, "1 + 1", 30.0)
DATA = Glyph("b", "py:data", fed_by="a")


Open = Callable[[], AbstractAsyncContextManager[CanvasStore]]


@pytest.fixture(params=["sqlite", "postgresql"])
def open_canvas(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens one and the same canvas, wherever it is kept."""
    if request.param == "sqlite":
        return lambda: Canvas(tmp_path / "canvas.db")
    url: str = request.getfixturevalue("postgres_url")

    @asynccontextmanager
    async def opened() -> AsyncIterator[CanvasStore]:
        async with Database(url) as database, PostgresCanvas(database) as canvas:
            yield canvas

    return opened


@pytest.fixture
async def canvas(open_canvas: Open) -> AsyncIterator[CanvasStore]:
    async with open_canvas() as opened:
        yield opened


async def test_what_was_placed_is_there_when_it_is_opened_again(open_canvas: Open) -> None:
    async with open_canvas() as canvas:
        await canvas.put(BIO)
        await canvas.put(DATA)
        await canvas.keep_answer("a", b'{"result":2}')

    async with open_canvas() as canvas:
        assert await canvas.glyphs() == [BIO, DATA]
        assert await canvas.answer("a") == b'{"result":2}'


async def test_a_glyph_that_is_changed_keeps_its_place_and_its_answer(canvas: CanvasStore) -> None:
    await canvas.put(BIO)
    await canvas.put(DATA)
    await canvas.keep_answer("a", b"1")

    await canvas.put(replace(BIO, content="2 + 2"))

    assert [glyph.content for glyph in await canvas.glyphs()] == ["2 + 2", ""]
    assert await canvas.answer("a") == b"1"


async def test_only_the_version_that_was_looked_at_is_changed_where_one_is_named(canvas: CanvasStore) -> None:
    await canvas.put(BIO)
    (looked_at,) = await canvas.glyphs()
    await canvas.put(replace(BIO, content="2 + 2"), looked_at.version)

    with pytest.raises(Conflict, match="was changed meanwhile"):
        await canvas.put(replace(BIO, content="3 + 3"), looked_at.version)
    with pytest.raises(Conflict):
        await canvas.put(DATA, DATA.version)

    assert await canvas.glyphs() == [replace(BIO, content="2 + 2")]
    assert looked_at.version == replace(looked_at).version != replace(looked_at, x=11.0).version


async def test_a_glyph_that_is_removed_takes_its_answer_along_and_feeds_nothing(canvas: CanvasStore) -> None:
    await canvas.put(BIO)
    await canvas.put(DATA)
    await canvas.keep_answer("a", b"1")

    await canvas.remove("a")

    assert await canvas.glyphs() == [replace(DATA, fed_by="")]
    assert await canvas.answer("a") is None


async def test_a_glyph_that_is_not_there_cannot_be_removed_or_answer(canvas: CanvasStore) -> None:
    with pytest.raises(NotFound):
        await canvas.remove("nothing")
    with pytest.raises(NotFound):
        await canvas.keep_answer("nothing", b"1")


async def test_a_late_save_does_not_bring_a_removed_glyph_back(canvas: CanvasStore) -> None:
    await canvas.put(BIO)
    await canvas.remove("a")

    with pytest.raises(NotFound, match="was removed"):
        await canvas.put(BIO)
    assert await canvas.glyphs() == []


async def test_it_says_which_glyphs_one_feeds_and_which_one_a_job_is_of(canvas: CanvasStore) -> None:
    await canvas.put(BIO)
    await canvas.put(DATA)
    await canvas.put(Glyph("i", "ix"))
    await canvas.keep_answer("i", b'{"job_id":"JB1"}')

    assert await canvas.glyph("b") == DATA
    assert await canvas.glyph("nothing") is None
    assert await canvas.fed_by("a") == ["b"]
    assert await canvas.ingesting("JB1") == ["i"]
    assert await canvas.ingesting("JB2") == []


async def test_the_canvas_has_bounds(canvas: CanvasStore) -> None:
    for number in range(GLYPHS_MAX):
        await canvas.put(Glyph(str(number), "py"))

    with pytest.raises(InvalidRequest):
        await canvas.put(Glyph("one more", "py"))
    with pytest.raises(InvalidRequest):
        await canvas.put(Glyph("0", "py", content="x" * (CONTENT_CHARACTERS_MAX + 1)))
    with pytest.raises(InvalidRequest):
        await canvas.keep_answer("0", b"x" * (RESULT_BYTES_MAX + 1))
    assert len(await canvas.glyphs()) == GLYPHS_MAX
