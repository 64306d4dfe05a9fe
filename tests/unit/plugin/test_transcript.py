"""What a job leaves in its log."""

from __future__ import annotations

import json
from itertools import count

import pytest

from qntx.engine.api import Event
from qntx.model.execution import Outcome, Result
from qntx.plugin.transcript import LINE_CHARACTERS_MAX, LINES_MAX, Transcript

FINISHED = Result(Outcome.FINISHED, duration_ms=12.4, attestations=2)


def _entries(*events: tuple[str, object], result: Result = FINISHED) -> list[tuple[str, str, str]]:
    transcript, number = Transcript(), count()
    for kind, data in events:
        transcript.on_event(Event(next(number), kind, data))
    return [(entry.level, entry.stage, entry.message) for entry in transcript.finish(result)]


@pytest.mark.parametrize("cut", range(12))
def test_lines_are_put_together_wherever_output_is_cut(cut):
    text = "äb\ncd\nrest".encode()

    entries = _entries(("stdout", text[:cut]), ("stdout", text[cut:]))

    assert [message for _, stage, message in entries if stage == "stdout"] == ["äb", "cd", "rest"]


def test_the_summary_is_last_and_says_how_it_ended():
    failed = Result(Outcome.RAISED, error="Traceback\nValueError: no\n", duration_ms=1)

    assert _entries()[-1] == ("info", "summary", "finished in 12 ms; 2 attestations")
    assert _entries(result=failed)[-1] == ("error", "summary", "raised in 1 ms; ValueError: no")
    assert _entries(result=Result(Outcome.FINISHED, attestations=1))[-1][2] == "finished in 0 ms; 1 attestation"


def test_what_a_script_logged_keeps_its_level_and_fields():
    transcript = Transcript()
    transcript.on_event(Event(0, "log", {"level": "warn", "message": "careful", "fields": {"n": 1}}))

    entry = transcript.finish(FINISHED)[0]

    assert (entry.level, entry.message, json.loads(entry.metadata)) == ("warn", "careful", {"n": 1})


def test_errors_are_warnings_where_they_are_only_written():
    assert _entries(("stderr", b"x\n"))[0] == ("warn", "stderr", "x")


def test_the_log_is_bounded_and_says_what_is_missing():
    entries = _entries(("stdout", b"x\n" * (LINES_MAX + 5)))

    assert len(entries) == LINES_MAX + 2
    assert entries[-2][2] == "5 more lines are not kept here"


def test_a_line_without_end_is_cut():
    entries = _entries(*[("stdout", b"x" * 1000)] * 20)

    assert all(len(message) <= LINE_CHARACTERS_MAX for _, _, message in entries)


@pytest.mark.parametrize("progress", [{"current": 3, "total": 7.0}, {"current": 3, "total": "7"}])
def test_progress_is_the_last_that_was_told(progress):
    transcript = Transcript()
    transcript.on_event(Event(0, "progress", progress))

    assert transcript.progress[0] == 3


def test_hostile_text_is_a_log_entry_all_the_same():
    assert _entries(("log", {"level": None, "message": "\ud800"}), ("stdout", b"\xff\n"))[0][2] == "?"
