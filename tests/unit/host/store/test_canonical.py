"""RFC 8785; the examples are its own."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qntx.host.store.canonical import _text, canonical_json, number_text


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_the_standard_shows(bits: str, text: str) -> None:
    assert number_text(struct.unpack(">d", bytes.fromhex(bits))[0]) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_as_itself(number: float) -> None:
    assert float(number_text(number)) == number


def test_an_integer_is_written_as_the_double_it_becomes_on_the_wire() -> None:
    assert number_text(2**53) == "9007199254740992"
    assert number_text(2**60 + 1) == number_text(float(2**60))
    assert number_text(5) == number_text(5.0) == "5"


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_has_no_text(number: float) -> None:
    with pytest.raises(ValueError, match="no JSON number"):
        number_text(number)


def test_keys_are_sorted_by_their_utf_16() -> None:
    value = {"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew", "1": "One", "\U0001f600": "Smiley"}

    assert list(json.loads(canonical_json(value))) == ["\r", "1", "\u20ac", "\U0001f600", "\ufb33"]


def test_texts_are_escaped_as_little_as_can_be() -> None:
    assert canonical_json('\u20ac$\u000f\nA\'B"\\\\"/\x7f') == '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f"'.encode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


@given(json_values)
def test_any_value_reads_back_as_itself(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


texts = st.text(st.characters(exclude_categories=["Cs"]))
doubles = st.floats(allow_nan=False, allow_infinity=False)
near_the_bounds = st.sampled_from([1e-4, 9.99e-5, 1e16, 9999999999999998.0, 2.0, -0.0, 1e-7, 1e21, 2**53 + 2, -(2**60)])
any_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | doubles | near_the_bounds | texts,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(texts, inner),
)


@given(any_values)
def test_the_fast_way_and_the_slow_way_write_the_same(value: Any) -> None:
    assert canonical_json(value) == _text(value).encode()
