"""The fields of a request, each read as what it must be or refused by its name.

They come from a JSON body, a query string or a job's payload; where a name is in both query and body, the body's
counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from qntx.errors import InvalidRequest, MissingField, Refused

_TRUTH = {"true": True, "1": True, "false": False, "0": False, "": True}


class Fields:
    """Named values of unknown quality."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    @classmethod
    def of_body(cls, body: bytes, query: Mapping[str, str]) -> Fields:
        """Those of a JSON object and of the query. No body is an empty object."""
        return cls({**query, **json_object(body)})

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def required_text(self, *names: str) -> str:
        """The first of these that is there; all are names for the same thing."""
        for name in names:
            if value := self.text(name):
                return value
        also = f" (or {', '.join(map(repr, names[1:]))})" if len(names) > 1 else ""
        raise MissingField(names[0], also)

    def text(self, name: str, default: str = "") -> str:
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise InvalidRequest(name, f"expected text, got {_kind(value)}")
        return _unicode(name, value)

    def number(self, name: str, default: float, least: float, most: float) -> float:
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, str):
            value = _number(name, value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidRequest(name, f"expected a number, got {_kind(value)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidRequest(name, f"{value} is no number of seconds or things")
        if not least <= value <= most:
            raise InvalidRequest(name, f"{str(value)[:40]} is not between {least:g} and {most:g}")
        return float(value)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._values.get(name)
        if isinstance(value, str) and (truth := _TRUTH.get(value.lower())) is not None:
            return truth
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InvalidRequest(name, f"expected true or false, got {_kind(value)}")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts, or one text with commas."""
        value = self._values.get(name)
        if value is None:
            return []
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InvalidRequest(name, f"expected a list of texts, got {_kind(value)}")
        return [_unicode(name, item) for item in value]

    def value(self, name: str) -> Any:
        return self._values.get(name)


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; nothing is an empty one."""
    if not body.strip():
        return {}
    try:
        values = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as fault:
        raise Refused(f"Invalid JSON body: {fault}") from None
    if not isinstance(values, dict):
        raise InvalidRequest("body", f"expected a JSON object, got {_kind(values)}")
    return values


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidRequest(name, f"expected a number, got {text[:80]!r}") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unicode(name: str, text: str) -> str:
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidRequest(name, "not valid Unicode text: it holds a lone surrogate")
    return text


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "an object"
    return "null"
