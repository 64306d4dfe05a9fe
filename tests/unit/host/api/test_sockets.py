"""Frames of a browser, and what its address may say to a plugin."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from qntx.host.api.sockets import metadata_of, parsed
from qntx.protocol.domain_pb2 import WebSocketMessage


def frame(**fields: Any) -> str:
    return json.dumps({"type": 1, "data": base64.b64encode(b"hello").decode(), **fields})


def test_a_frame_keeps_its_type_data_and_headers_and_gets_the_hosts_time() -> None:
    message = parsed(frame(headers={"a": "b"}, timestamp=1))

    assert message is not None
    assert (message.type, message.data, dict(message.headers)) == (WebSocketMessage.DATA, b"hello", {"a": "b"})
    assert message.timestamp > 1


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "1", "null", "[" * 100_000, b"\xff"),
        *(frame(type=kind) for kind in ("x", None, 6, 1 << 40)),
        *(frame(data=data) for data in ("no base64", 1)),
        frame(headers=[1]),
    ],
)
def test_what_is_no_frame_is_dropped(text: str | bytes) -> None:
    assert parsed(text) is None


def test_the_first_of_each_parameter_goes_along() -> None:
    assert list(metadata_of([("glyph_id", "1"), ("glyph_id", "2"), ("Room", "a b")])) == [
        ("glyph_id", "1"),
        ("room", "a b"),
    ]


@pytest.mark.parametrize("name", ["qntx-host", "QNTX-principal", "authorization", "grpc-timeout", "x-bin", "a b", ""])
def test_no_page_speaks_in_the_hosts_name(name: str) -> None:
    assert list(metadata_of([(name, "x")])) == []


@pytest.mark.parametrize("value", ["a\nb", "ä", "\x00"])
def test_what_cannot_be_metadata_is_left_out(value: str) -> None:
    assert list(metadata_of([("name", value)])) == []
