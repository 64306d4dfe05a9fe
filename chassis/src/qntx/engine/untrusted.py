"""Reading what hostile code may have written."""

from __future__ import annotations

import gc
import json
import re
from typing import Any, NoReturn

SMALL_BYTES = 64 * 1024
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Unreadable(ValueError):
    """It is not the JSON it should be."""


def read_json(data: bytes) -> Any:
    """The JSON value, its text free of what UTF-8 cannot carry."""
    try:
        value = (_decode if len(data) <= SMALL_BYTES else _decode_large)(data.decode("utf-8"))
    except (ValueError, RecursionError) as fault:
        raise Unreadable(f"not JSON: {fault}") from fault
    return printable(value) if _SURROGATE.search(data) else value


def checked_json(data: bytes) -> bytes:
    """The same bytes where they are JSON that any reader takes."""
    value = read_json(data)
    if _SURROGATE.search(data):
        return json.dumps(value, ensure_ascii=False).encode()
    return data


def printable(value: Any) -> Any:
    """The value with halves of characters replaced."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [printable(item) for item in value]
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}
    return value


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
