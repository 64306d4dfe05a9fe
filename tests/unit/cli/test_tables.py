"""Rows and facts as they appear on a terminal: no id is cut, however narrow it is."""

from __future__ import annotations

import pytest

from qntx.cli import tables

ID = "AS-SUBJECT-PREDICATE-CONTEXT-X7Q2M9KD"
COLUMNS = ("id", "state", "a column with a long name", "says")


@pytest.mark.parametrize("columns", ["200", "80"])
def test_an_id_is_whole_on_a_narrow_terminal_too(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)

    tables.show(COLUMNS, [(ID, "running", "x" * 40, "")])

    printed = capsys.readouterr().out
    assert ID in printed
    assert "…" not in printed


def test_where_there_is_nothing_that_is_said_and_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(COLUMNS, [], none="Nothing matches.")

    assert capsys.readouterr() == ("", "Nothing matches.\n")


def test_a_fact_of_several_lines_stands_below_itself(capsys: pytest.CaptureFixture[str]) -> None:
    tables.facts({"id": "7", "error": "Traceback\n  line 1\x1b[2J", "result": None, "at": {"n": 1}})

    assert capsys.readouterr().out.splitlines() == [
        "    id  7",
        " error  Traceback",
        "          line 1\N{REPLACEMENT CHARACTER}[2J",
        "result  -",
        '    at  {"n": 1}',
    ]
