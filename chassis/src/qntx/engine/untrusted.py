"""Reading what hostile code may have written.

JSON can take fifty times as much as objects, so that nothing is read that would take more than a bound.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

SMALL_BYTES = 64 * 1024
BUILT_BYTES_MAX = 256 * 1024 * 1024
# What Python takes for a value, and for a list and a dict that hold one, beside the text itself.
VALUE_BYTES, LIST_BYTES, DICT_BYTES = 64, 96, 192
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Unreadable(ValueError):
    """It is not the JSON it should be."""


class Bulky(Unreadable):
    """It has more values than are read."""


def read_json(data: bytes) -> Any:
    """The JSON value, its text free of what UTF-8 cannot carry."""
    if len(data) > SMALL_BYTES and built_bytes(data) > BUILT_BYTES_MAX:
        raise Bulky(f"JSON of so many values that reading it would take more than {BUILT_BYTES_MAX} bytes")
    try:
        value = (_decode if len(data) <= SMALL_BYTES else _decode_large)(data.decode("utf-8"))
        return printable(value) if _SURROGATE.search(data) else value
    except (ValueError, RecursionError) as fault:
        raise Unreadable(f"not JSON: {fault}") from fault


def checked_json(data: bytes) -> bytes:
    """The same bytes where they are JSON that any reader takes."""
    value = read_json(data)
    if _SURROGATE.search(data):
        return json.dumps(value, ensure_ascii=False).encode()
    return data


def built_bytes(data: bytes) -> int:
    """About what that JSON takes as objects."""
    most = len(data) + _values_bytes(data)
    # What looks like a value within a text is none, which is looked at where it matters.
    return most if most <= BUILT_BYTES_MAX else len(data) + sum(map(_values_bytes, _outside_texts(data)))


def printable(value: Any) -> Any:
    """The value with halves of characters replaced."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [printable(item) for item in value]
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}
    return value


def _values_bytes(data: bytes) -> int:
    return VALUE_BYTES * data.count(b",") + LIST_BYTES * data.count(b"[") + DICT_BYTES * data.count(b"{")


def _outside_texts(data: bytes) -> Iterator[bytes]:
    """All that is in no text, piece by piece."""
    data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    within = False
    for start in range(0, len(data), SMALL_BYTES):
        parts = data[start : start + SMALL_BYTES].split(b'"')
        yield b"".join(parts[within::2])
        within ^= len(parts) % 2 == 0


def _decode_large(text: str) -> Any:
    """Ten million lists take a third of the time where the collector does not look for garbage among them meanwhile."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        return _decode(text)
    finally:
        if was_on:
            gc.enable()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_no_constant).decode
