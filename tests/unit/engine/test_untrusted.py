"""Reading JSON that hostile code wrote."""

from __future__ import annotations

import pytest

from qntx.engine.untrusted import Unreadable, checked_json, read_json


@pytest.mark.parametrize("data", [b"", b"{", b"NaN", b"[Infinity]", b"\xff", b"[" * 200_000, '"x"'.encode("utf-16")])
def test_what_is_not_json_is_refused(data):
    with pytest.raises(Unreadable):
        read_json(data)


def test_halves_of_characters_are_replaced_everywhere():
    assert read_json(b'{"a\\ud800": ["\\udfff"]}') == {"a?": ["?"]}
    assert checked_json(b'["\\ud800"]') == b'["?"]'


def test_json_is_passed_on_as_it_came():
    data = b'{"a" :  [1e400]}'

    assert checked_json(data) is data
