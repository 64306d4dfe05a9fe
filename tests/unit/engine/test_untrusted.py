"""Reading JSON that hostile code wrote."""

from __future__ import annotations

import gc
import json
import tracemalloc

import pytest

from qntx.engine.untrusted import Bulky, Unreadable, built_bytes, checked_json, read_json

MEGABYTE = 1_000_000
NOT_JSON = [
    *(b"", b"{", b"NaN", b"[Infinity]", b"\xff", b'"\xff"', b"[" * 200_000, '"x"'.encode("utf-16")),
    *(b"[" * 900 + b'"\\ud800"' + b"]" * 900, b"1" * 4301, b"null\0", b"1 2"),
]


@pytest.mark.parametrize("read", [read_json, checked_json])
@pytest.mark.parametrize("data", NOT_JSON, ids=lambda data: repr(data[:12]))
def test_what_is_not_json_is_refused(data, read):
    with pytest.raises(Unreadable):
        read(data)


def test_what_would_take_more_than_the_bound_is_not_read():
    data = b"[" + b"[],[[]]," * MEGABYTE + b"0]"

    tracemalloc.start()
    try:
        for read in (read_json, checked_json):
            with pytest.raises(Bulky, match="so many values that reading it would take more than 268435456 bytes"):
                read(data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 4 * len(data)


@pytest.mark.parametrize("escaped", [b"", b"\\\\", b'\\"', b'\\\\\\"', "é".encode()])
def test_a_table_in_a_text_is_one_value_however_long(escaped):
    data = b'{"a": "' + (escaped + b"1,2,[3,{4,") * MEGABYTE + b'"}'

    assert len(read_json(data)["a"]) >= 10 * MEGABYTE
    with pytest.raises(Bulky, match="so many values"):
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
