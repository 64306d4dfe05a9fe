"""Reading JSON that hostile code wrote."""

from __future__ import annotations

import gc
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qntx.engine.untrusted import SMALL_BYTES, Unreadable, built_bytes, checked_json, read_json

MEGABYTE = 1_000_000
NOT_JSON = [
    *(b"", b"{", b"NaN", b"[Infinity]", b"\xff", b'"\xff"', b"[" * 200_000, '"x"'.encode("utf-16")),
    *(b"[" * 900 + b'"\\ud800"' + b"]" * 900, b"1" * 4301, b"[0," * SMALL_BYTES + b"1" * 4301, b"null\0", b"1 2"),
]


@pytest.mark.parametrize("read", [read_json, checked_json])
@pytest.mark.parametrize("data", NOT_JSON, ids=lambda data: repr(data[:12]))
def test_what_is_not_json_is_refused(data, read):
    with pytest.raises(Unreadable):
        read(data)


@pytest.mark.parametrize("unit", [b"[],", b'{"":0},', b'"ab",', b"[" * 100 + b"]" * 100 + b","])
def test_what_is_passed_on_takes_no_memory_whatever_is_in_it(unit):
    data = b"[" + unit * (4 * MEGABYTE // len(unit)) + b"0]"
    tracemalloc.start()
    try:
        assert checked_json(data) is data
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < MEGABYTE


@pytest.mark.parametrize("mending", [b"", b'"\\ud800",'])
def test_what_would_take_more_than_the_bound_is_not_read(mending):
    data = b"[" + mending + b"[],[[]]," * MEGABYTE + b"0]"

    with pytest.raises(Unreadable, match="so many values that reading it would take more than 268435456 bytes"):
        read_json(data)
    if mending:
        with pytest.raises(Unreadable, match="so many values"):
            checked_json(data)


@pytest.mark.parametrize("escaped", [b"", b"\\\\", b'\\"', b'\\\\\\"', "é".encode()])
def test_a_table_in_a_text_is_one_value_however_long(escaped):
    data = b'{"a": "' + (escaped + b"1,2,[3,{4,") * MEGABYTE + b'"}'

    assert len(read_json(data)["a"]) >= 10 * MEGABYTE
    with pytest.raises(Unreadable, match="so many values"):
        read_json(b"[" + data + b",[[],{}]" * MEGABYTE + b"]")


@pytest.mark.parametrize("value", [[[]], {"ab": "cd"}, [257], ["ab"], {"a": {"b": {"c": {}}}}], ids=str)
def test_what_json_takes_as_objects_is_not_estimated_far_too_low(value):
    data = json.dumps([value] * 50_000).encode()
    tracemalloc.start()
    try:
        read = read_json(data)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(read) == 50_000
    assert held < 1.5 * built_bytes(data)


@given(st.text(alphabet='[]{}:,"\\u0019.e-ntrueé ', max_size=12).map(str.encode))
def test_json_is_what_is_read_and_only_that_is_passed_on(data):
    try:
        read_json(data)
    except Unreadable:
        with pytest.raises(Unreadable):
            checked_json(data)
    else:
        assert checked_json(data) == data


def test_many_lists_are_read_without_a_look_for_garbage():
    looks: list[str] = []
    gc.callbacks.append(lambda phase, _info: looks.append(phase))
    try:
        read = read_json(b"[" + b"[]," * 100_000 + b"0]")
        looked = len(looks)
    finally:
        gc.callbacks.pop()

    assert (len(read), gc.isenabled()) == (100_001, True)
    assert looked < 10


def test_halves_of_characters_are_replaced_everywhere():
    assert read_json(b'{"a\\ud800": ["\\udfff"]}') == {"a?": ["?"]}
    assert checked_json(b'["\\ud800"]') == b'["?"]'


def test_json_is_passed_on_as_it_came():
    data = b'{"a" :  [1e400]}'

    assert checked_json(data) is data


def test_digits_in_a_text_are_no_number():
    data = b'["' + b"1" * 5000 + b'", "' + "é😀".encode() * SMALL_BYTES + b'"]'

    assert checked_json(data) is data
