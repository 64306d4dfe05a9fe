"""What a plugin prints, kept and followed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from qntx.host.plugins.output import LINE_CHARACTERS_MAX, LINES_KEPT, Output


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Output]:
    kept = Output("bio", tmp_path / "bio.log")
    yield kept
    kept.close()


@pytest.mark.parametrize(
    ("text", "source", "level"),
    [
        ("plain", "stdout", "info"),
        ("plain", "stderr", "debug"),
        ('{"level": "WARN", "msg": "x"}', "stdout", "warn"),
        ('{"level": "error"}', "stderr", "error"),
        ('{"msg": "no level"}', "stdout", "info"),
        ('{"level": 3}', "stdout", "info"),
        ("{not json", "stderr", "debug"),
    ],
)
def test_a_line_has_the_level_it_claims_or_its_streams(output: Output, text: str, source: str, level: str) -> None:
    output.add(text, source)

    assert [line.level for line in output.lines()] == [level]


def test_only_the_last_lines_stay_in_memory(output: Output) -> None:
    for number in range(LINES_KEPT + 5):
        output.add(str(number), "stdout")

    lines = output.lines()
    assert (len(lines), lines[0].line) == (LINES_KEPT, "5")


def test_empty_lines_are_dropped_and_long_ones_cut(output: Output) -> None:
    output.add("   ", "stdout")
    output.add("x" * (LINE_CHARACTERS_MAX + 1), "stdout")

    [line] = output.lines()
    assert line.line == "x" * LINE_CHARACTERS_MAX + "…"


def test_the_file_has_every_line_with_its_level(output: Output, tmp_path: Path) -> None:
    output.started()
    output.add("first", "stdout")

    kept = (tmp_path / "bio.log").read_text()
    assert "========== BIO START " in kept
    assert kept.endswith("\tINFO\tfirst\n")


async def test_a_follower_gets_old_lines_and_then_new_ones(output: Output) -> None:
    output.add("old", "stdout")

    async with aclosing(output.follow()) as lines:
        assert (await anext(lines)).line == "old"
        output.add("new", "stdout")
        assert (await asyncio.wait_for(anext(lines), 5)).line == "new"


async def test_a_follower_that_does_not_read_holds_nobody_back(output: Output) -> None:
    output.add("first", "stdout")

    async with aclosing(output.follow()) as lines:
        await anext(lines)
        for number in range(100 * LINES_KEPT):
            output.add(str(number), "stdout")

        assert (await anext(lines)).line == "0"
