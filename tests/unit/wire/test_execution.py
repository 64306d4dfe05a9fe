"""Runs cross the wire whole; what a script reported may be anything."""

from __future__ import annotations

import json

import pytest

from qntx.errors import InvalidRequest, Refused
from qntx.model.execution import Execution, Limits, Mode, Outcome, Result
from qntx.protocol import runtime_pb2
from qntx.wire import execution as wire

RESULT = Result(
    outcome=Outcome.RAISED,
    stdout="out",
    stderr="err",
    result_json=b'{"n": [1, 2.50]}',
    error="Traceback …",
    duration_ms=12.6,
    variables={"x": "1"},
    displays=({"text/plain": "x", "application/json": {"a": "b"}},),
    stdout_bytes=3,
    stderr_bytes=3,
    truncated=True,
    attestations=2,
    cpu_ms=1.5,
    peak_rss_bytes=1024,
    missing_module="Bio",
)


def test_the_record_has_seven_keys_and_carries_the_result_as_the_worker_wrote_it():
    record = wire.record(RESULT)

    assert b'"result":{"n": [1, 2.50]}' in record
    assert json.loads(record) == {
        "success": False,
        "stdout": "out",
        "stderr": "err",
        "result": {"n": [1, 2.5]},
        "error": "Traceback …",
        "duration_ms": 13,
        "variables": {"x": "1"},
    }


def test_a_record_of_a_finished_run_has_null_for_an_error():
    assert json.loads(wire.record(Result(Outcome.FINISHED)))["error"] is None


def test_a_record_survives_halves_of_characters():
    assert json.loads(wire.record(Result(Outcome.FINISHED, stdout="\ud800")))["stdout"] == "?"


def test_a_job_record_has_exactly_four_keys():
    assert json.loads(wire.job_record(RESULT)).keys() == {"stdout", "stderr", "duration_ms", "result"}


def test_a_run_comes_back_as_it_was_asked_for():
    asked = Execution(
        code="1",
        id="PX-1",
        mode=Mode.EVALUATE,
        filename="<x>",
        limits=Limits(1.5, 64, 1, 10, 5, True, True, ("/data",)),
        glyph_id="g",
        upstream={"a": [1]},
        capture_variables=True,
        session_id="s",
        principal="p",
    )

    arrived = runtime_pb2.RunRequest.FromString(wire.execution_to_proto(asked).SerializeToString())

    assert wire.execution_from_proto(arrived, Limits()) == asked


def test_limits_that_are_not_named_are_the_variants_and_zero_is_zero():
    named = runtime_pb2.Limits(output_bytes=0, network=False)

    limits = wire.limits_from_proto(named, Limits(network=True, memory_mib=7))

    assert (limits.output_bytes, limits.network, limits.memory_mib) == (0, False, 7)


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_a_limit_below_zero_is_refused_by_its_name(seconds):
    with pytest.raises(InvalidRequest, match=r"limits.timeout_seconds"):
        wire.limits_from_proto(runtime_pb2.Limits(timeout_seconds=seconds), Limits())


def test_a_mode_that_is_none_is_refused():
    with pytest.raises(InvalidRequest, match="mode"):
        wire.execution_from_proto(runtime_pb2.RunRequest(code="1", mode=7), Limits())


@pytest.mark.parametrize("text", [b"{", b"\xff", b"[" * 100_000])
def test_an_upstream_that_is_not_json_is_refused(text):
    with pytest.raises(Refused, match="upstream attestation is not valid JSON"):
        wire.upstream_from_json(text)


def test_how_a_run_ended_comes_back_whole():
    end = runtime_pb2.End.FromString(wire.end_to_proto(RESULT).SerializeToString())
    display = wire.event_to_proto(0, "display", RESULT.displays[0]).display

    assert wire.result_from_proto(end, "out", "err", [display]) == RESULT


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_word_on_the_wire(outcome):
    end = wire.end_to_proto(Result(outcome))

    assert end.outcome != runtime_pb2.OUTCOME_UNSPECIFIED
    assert wire.result_from_proto(end).outcome is outcome


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("progress", {"current": "a lot", "total": [], "message": "\ud800"}),
        ("progress", {"current": 10**400}),
        ("log", {"level": 3, "message": None, "fields": {"\ud800": 1}, "timestamp_ms": "now"}),
        ("display", {"text/plain": "\ud800", "application/json": {"x": "\ud800"}}),
    ],
)
def test_events_that_hostile_code_reported_are_messages_all_the_same(kind, data):
    event = wire.event_to_proto(3, kind, data)

    assert runtime_pb2.RunEvent.FromString(event.SerializeToString()).sequence == 3
