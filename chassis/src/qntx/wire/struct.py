"""JSON objects as protobuf's Struct, and back.

A Struct holds every number as a double and no NaN at all. What would be lost or refused on the way becomes text that
still says what it was: an integer that no double holds exactly becomes its digits; NaN, Infinity and -Infinity become
those words. Coming back, a whole number is an integer again, so 3 stays 3 (and 3.0 becomes 3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from qntx.errors import InvalidRequest

DEPTH_MAX = 30
"""Objects and lists inside each other. Each is three messages deep, and protobuf reads no more than a hundred."""

_EXACT_MAX = 2**53
_NON_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


def to_struct(values: Mapping[str, Any], field: str = "attributes") -> Struct:
    """The object as a Struct. What is no JSON value is refused with the path that leads to it."""
    struct = Struct()
    struct.update(_object(values, field, 1))
    return struct


def from_struct(struct: Struct) -> dict[str, Any]:
    return {key: _whole(value) for key, value in MessageToDict(struct).items()}


def _object(values: Mapping[str, Any], path: str, depth: int) -> dict[str, Any]:
    _check_depth(path, depth)
    plain = {}
    for key, value in values.items():
        if not isinstance(key, str):
            raise InvalidRequest(path, f"the key {key!r} is not a string")
        plain[_text(key, path)] = _value(value, f"{path}.{key}", depth)
    return plain


def _value(value: Any, path: str, depth: int) -> Any:
    match value:
        case None | bool():
            return value
        case str():
            return _text(value, path)
        case int():
            return value if abs(value) <= _EXACT_MAX else str(value)
        case float():
            return "NaN" if math.isnan(value) else _NON_FINITE.get(value, value)
        case Mapping():
            return _object(value, path, depth + 1)
        case list() | tuple():
            _check_depth(path, depth + 1)
            return [_value(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    raise InvalidRequest(path, f"{type(value).__name__} is not a JSON value")


def _text(text: str, path: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as broken:
            raise InvalidRequest(path, f"not valid Unicode text: {broken.reason}") from None
    return text


def _check_depth(path: str, depth: int) -> None:
    if depth > DEPTH_MAX:
        # The whole path would be as long as the nesting is deep.
        raise InvalidRequest(path[:80], f"nested deeper than {DEPTH_MAX} levels")


def _whole(value: Any) -> Any:
    match value:
        case float():
            return int(value) if value.is_integer() and abs(value) <= _EXACT_MAX else value
        case dict():
            return {key: _whole(item) for key, item in value.items()}
        case list():
            return [_whole(item) for item in value]
    return value
