"""Attestations cross the wire whole, or are refused with the field's name."""

from __future__ import annotations

import json
import math

import pytest

from qntx.errors import InvalidRequest
from qntx.model.attestation import Attestation, Draft, Filter
from qntx.protocol import atsstore_pb2
from qntx.wire import attestation as wire
from qntx.wire.struct import DEPTH_MAX, from_struct, to_struct

KEPT = Attestation(
    id="AS-GENE-IS-LAB-23456789",
    subjects=("gene", "protein"),
    predicates=("is",),
    contexts=("lab",),
    actors=("glyph:1",),
    timestamp_ms=1_790_000_000_123,
    created_at_ms=1_790_000_000_456,
    source="python",
    attributes={"n": 3, "ratio": 0.5, "deep": {"list": [1, None, True, "ä"]}},
    signature=b"\x00\xff",
    signer_did="did:key:z6Mk",
)


def test_an_attestation_comes_back_as_it_was_sent():
    sent = wire.attestation_to_proto(KEPT).SerializeToString()

    assert wire.attestation_from_proto(atsstore_pb2.Attestation.FromString(sent)) == KEPT


def test_a_draft_comes_back_as_it_was_sent():
    draft = Draft(("s",), ("p",), ("c",), ("a",), {"k": [1]}, "python", "0.1.0", timestamp_ms=5)

    assert wire.draft_from_proto(wire.draft_to_proto(draft)) == draft


def test_a_draft_without_a_time_or_with_time_zero_leaves_it_to_the_store():
    zero = atsstore_pb2.AttestationCommand(subjects=["s"], timestamp=0)

    assert not wire.draft_to_proto(Draft(("s",))).HasField("timestamp")
    assert wire.draft_from_proto(zero).timestamp_ms is None


def test_a_filter_comes_back_as_it_was_sent():
    wanted = Filter(("s",), ("p",), ("c",), ("a",), since_ms=0, until_ms=9)

    assert wire.filter_from_proto(wire.filter_to_proto(wanted, 7)) == (wanted, 7)


def test_no_limit_and_limit_zero_ask_for_everything_on_the_wire():
    assert wire.filter_from_proto(atsstore_pb2.AttestationFilter())[1] is None
    assert wire.filter_from_proto(atsstore_pb2.AttestationFilter(limit=0))[1] is None


@pytest.mark.parametrize("limit", [0, -1, 2**31])
def test_a_limit_that_the_wire_cannot_say_is_refused(limit):
    with pytest.raises(InvalidRequest, match="limit"):
        wire.filter_to_proto(Filter(), limit)


def test_a_negative_limit_from_the_wire_is_refused():
    with pytest.raises(InvalidRequest, match="limit: -1 is negative"):
        wire.filter_from_proto(atsstore_pb2.AttestationFilter(limit=-1))


@pytest.mark.parametrize(
    ("draft", "fault"),
    [
        (Draft("gene"), "subjects: expected a list of strings, got the string 'gene'"),
        (Draft(("s",), predicates=(1,)), "predicates: expected a list of strings, it holds a int"),
        (Draft(("s",), contexts=("\ud800",)), "contexts: not valid Unicode"),
        (Draft(("s",), timestamp_ms=2**64), "timestamp: .* further"),
        (Draft(("s",), timestamp_ms=1.5), "timestamp: expected milliseconds as an integer"),
        (Draft(("s",), attributes={"when": object()}), "attributes.when: object is not a JSON value"),
        (Draft(("s",), attributes={"a": [{1: 2}]}), r"attributes.a\[0\]: the key 1 is not a string"),
        (Draft(("s",), attributes={"a": ["\ud800"]}), r"attributes.a\[0\]: not valid Unicode"),
    ],
)
def test_what_no_message_can_hold_is_refused_with_its_field(draft, fault):
    with pytest.raises(InvalidRequest, match=fault):
        wire.draft_to_proto(draft)


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (3, 3),
        (3.0, 3),
        (2.5, 2.5),
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (-(2**70), str(-(2**70))),
        (1e300, 1e300),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        ((1, 2), [1, 2]),
        (True, True),
        (None, None),
        ("", ""),
        ({}, {}),
        ([], []),
    ],
)
def test_values_keep_what_a_struct_can_hold_and_say_what_it_cannot(value, arrives):
    arrived = from_struct(to_struct({"value": value}))["value"]

    assert arrived == arrives
    assert type(arrived) is type(arrives)


def test_nesting_up_to_the_bound_survives_the_wire_and_one_more_is_refused():
    def nested(levels: int) -> dict[str, object]:
        return {} if levels == 1 else {"a": [nested(levels - 2)] if levels > 2 else {}}

    deepest = wire.draft_to_proto(Draft(("s",), attributes=nested(DEPTH_MAX)))

    request = atsstore_pb2.BatchGenerateAttestationRequest(commands=[deepest])
    assert atsstore_pb2.BatchGenerateAttestationRequest.FromString(request.SerializeToString()) == request
    with pytest.raises(InvalidRequest, match=f"nested deeper than {DEPTH_MAX} levels"):
        to_struct(nested(DEPTH_MAX + 1))


def test_a_script_sees_json_values_and_milliseconds():
    seen = wire.attestation_to_json(KEPT)

    assert json.loads(json.dumps(seen)) == seen
    assert seen["timestamp"] == 1_790_000_000_123
    assert seen["attributes"]["deep"]["list"] == [1, None, True, "ä"]
