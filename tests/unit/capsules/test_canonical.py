"""One document has one text, and what is sealed is byte for byte what the reference library would seal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qp_capsule.seal import Seal as ReferenceSeal
from qp_capsule.seal import compute_hash

from qntx.capsules import Capsule, CapsuleType, Seal, ToolCall, canonical
from qntx.capsules import capsule as capsules
from qntx.capsules.canonical import HOLE
from qntx.capsules.head import Head

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SCALAR = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
OBJECT = st.dictionaries(TEXT, VALUE, max_size=4)
MAYBE = st.none() | TEXT


@st.composite
def a_capsule(draw: st.DrawFn) -> Capsule:
    capsule = Capsule(type=draw(st.sampled_from(CapsuleType)), domain=draw(TEXT))
    capsule.trigger.timestamp = draw(st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)))
    capsule.trigger.request, capsule.trigger.user_id = draw(TEXT), draw(MAYBE)
    capsule.context.session_id, capsule.context.environment = draw(MAYBE), draw(OBJECT)
    capsule.reasoning.options_considered = draw(st.lists(TEXT, max_size=3))
    capsule.reasoning.__post_init__()
    capsule.reasoning.confidence = draw(st.floats(0, 1))
    capsule.authority.chain = draw(st.lists(OBJECT, max_size=2))
    capsule.execution.tool_calls = [ToolCall(tool=draw(TEXT), arguments=draw(OBJECT), result=draw(VALUE))]
    capsule.execution.duration_ms = draw(st.integers(0, 10**9))
    capsule.outcome.result, capsule.outcome.error = draw(VALUE), draw(MAYBE)
    capsule.outcome.status = draw(st.sampled_from(sorted(capsules.STATUSES)))
    return capsule


@pytest.fixture(scope="module")
def seals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seal, ReferenceSeal]:
    path = tmp_path_factory.mktemp("keys") / "key"
    ours = Seal(path)
    assert len(ours.public_key) == 32
    return ours, ReferenceSeal(path)


@pytest.mark.timeout(600)  # a thousand capsules, also where others compute
@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(capsule=a_capsule(), place=st.integers(0, 10**9), before=st.none() | st.binary(min_size=32, max_size=32))
def test_sealing_is_the_reference_librarys_byte_for_byte(
    seals: tuple[Seal, ReferenceSeal], capsule: Capsule, place: int, before: bytes | None
) -> None:
    ours, reference = seals
    head = Head(size=place, hash=before.hex() if before else None)

    (record,), _ = head.extend([capsules.draft(capsule)], ours, None)
    capsule.sequence, capsule.previous_hash = place, record.previous_hash
    reference.seal(capsule)

    assert record.data == json.dumps(capsule.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert record.hash == capsule.hash == compute_hash(capsule.to_dict())
    assert record.signature == capsule.signature


@given(VALUE)
def test_text_that_is_read_and_written_again_is_the_same(value: Any) -> None:
    text = canonical.encode(value)

    assert canonical.encode(json.loads(text)) == text


def test_a_document_is_cut_at_its_holes_and_joined_with_what_belongs_there() -> None:
    pieces = canonical.cut({"b": HOLE, "a": "x", "c": [HOLE]})

    assert canonical.join(pieces, ("1", "null")) == b'{"a":"x","b":1,"c":[null]}'


def test_not_a_number_has_no_text() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical.encode(float("nan"))


def test_numbers_that_want_a_decimal_point_have_one(seals: tuple[Seal, ReferenceSeal], tmp_path: Path) -> None:
    capsule = Capsule()
    capsule.reasoning.confidence = 1

    assert b'"confidence":1.0' in b"".join(capsules.draft(capsule).pieces)
