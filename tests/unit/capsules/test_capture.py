"""Whatever a program holds comes out as bounded JSON, and never as an exception."""

from __future__ import annotations

import enum
import json
import time
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qntx.capsules import Capsule, canonical
from qntx.capsules import capsule as capsules
from qntx.capsules.capture import UNREPRESENTABLE, capture, text


class Hostile:
    """Raises whatever it is asked."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error

    __repr__ = __str__


class Color(enum.IntEnum):
    RED = 3


class Lying(dict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("no")

    def __len__(self) -> int:
        raise RuntimeError("no")


class Endless(list[int]):
    def __iter__(self) -> Any:
        while True:
            yield 1


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize("value", [None, True, 7, 2.5, "text", [1, [2]], {"a": {"b": [None]}}])
def test_plain_values_are_kept_as_they_are(value: Any) -> None:
    assert capture(value) == value
    assert type(capture(value)) is type(value)


@pytest.mark.parametrize("error", [RuntimeError(), KeyboardInterrupt(), SystemExit(), RecursionError()])
def test_an_object_that_raises_when_shown_is_unrepresentable(error: BaseException) -> None:
    assert capture({Hostile(error): [Hostile(error)]}) == {UNREPRESENTABLE: [UNREPRESENTABLE]}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ("\ud800", "\\ud800"),
        ((1, 2), [1, 2]),
        (Color.RED, 3),
        ({2: "a", 10: "b"}, {"2": "a", "10": "b"}),
        ({1: "a", "1": "b"}, {"1": "a", "1'": "b"}),
        ({None: 1, True: 2}, {"null": 1, "true": 2}),
        (Lying(a=1), {"a": 1}),
        (Endless([1, 2]), [1, 2]),
        (10**5000, f"<integer of {(10**5000).bit_length()} bits>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_hold_is_said_as_near_as_it_can(value: Any, kept: Any) -> None:
    assert capture(value) == kept


@pytest.mark.parametrize(
    "value",
    [
        "x" * 50_000_000,
        list(range(300_000)),
        {str(n): "y" * 400 for n in range(100_000)},
        CYCLE,
        [["z" * 999] * 999] * 9,
    ],
    ids=["text", "list", "dict", "cycle", "nested"],
)
def test_what_is_huge_is_cut_soon_and_says_so(value: Any) -> None:
    begun = time.monotonic()

    kept = canonical.encode(capture(value))

    assert len(kept) < 1_000_000
    assert "…" in kept or "too deep" in kept
    assert time.monotonic() - begun < 20


@given(st.text())
def test_any_text_can_be_stored(value: str) -> None:
    assert text(value).encode().decode() == text(value)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("context", "environment", {1: {2, 3}, "x": float("nan")}),
        ("context", "environment", "not an object"),
        ("context", "session_id", 7),
        ("reasoning", "confidence", float("nan")),
        ("reasoning", "confidence", "high"),
        ("reasoning", "options", [None]),
        ("trigger", "timestamp", "yesterday"),
        ("trigger", "request", Hostile(ValueError())),
        ("execution", "tool_calls", [{"tool": "x"}]),
        ("execution", "duration_ms", float("inf")),
        ("outcome", "status", "splendid"),
        ("outcome", "error", "\ud800"),
        ("outcome", "metrics", CYCLE),
        ("outcome", "side_effects", "one"),
    ],
)
def test_a_capsule_enriched_with_anything_still_becomes_a_record(section: str, name: str, value: Any) -> None:
    capsule = Capsule()
    setattr(getattr(capsule, section), name, value)

    draft = capsules.draft(capsule)
    document = json.loads(canonical.join(draft.pieces, ("null", "0")))

    assert document["id"] == str(capsule.id)
    assert document["outcome"]["status"] in capsules.STATUSES
    assert set(document) == set(Capsule().to_dict())


@pytest.mark.parametrize("value", ["bogus", None, 5, {"a": 1}, Hostile(ValueError()), "\ud800"])
@pytest.mark.parametrize("name", [field.name for field in fields(Capsule)])
def test_a_capsule_with_anything_in_any_place_still_becomes_a_record_of_a_capsule(name: str, value: Any) -> None:
    capsule = Capsule()
    setattr(capsule, name, value)

    draft = capsules.draft(capsule)
    document = json.loads(canonical.join(draft.pieces, ("null", "0")))

    assert Capsule.from_dict(document).to_dict() == document
    assert name == "id" or document["id"] == str(capsule.id)


def test_a_record_that_cannot_be_encoded_is_a_stub_that_says_why() -> None:
    capsule = Capsule()
    capsule.reasoning.options = [None]  # type: ignore[list-item]

    draft = capsules.draft(capsule)
    document = json.loads(canonical.join(draft.pieces, ("null", "0")))

    assert "AttributeError" in document["outcome"]["metrics"]["unsealable"]
