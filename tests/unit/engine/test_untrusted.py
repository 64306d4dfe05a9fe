"""Reading JSON that hostile code wrote."""

from __future__ import annotations

import gc

import pytest

from qntx.engine.untrusted import Unreadable, checked_json, read_json


@pytest.mark.parametrize("data", [b"", b"{", b"NaN", b"[Infinity]", b"\xff", b"[" * 200_000, '"x"'.encode("utf-16")])
def test_what_is_not_json_is_refused(data):
    with pytest.raises(Unreadable):
        read_json(data)


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
