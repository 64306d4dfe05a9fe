"""Can a value that came as JSON be written as JSON again?

Python reads more than JSON is: NaN, infinity, and texts with half of a surrogate pair. Kept once, such a value would
break every answer that it is part of.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]

NUMBER = "{} is no JSON number; say it as text, or leave it out"
TEXT = "holds half of a surrogate pair, which is no character"
DEEP = "is nested too deep"


def fault_in(value: Any) -> tuple[Place, str] | None:
    """Where it cannot, and why not."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return _found(value)
    return None


def _found(value: Any) -> tuple[Place, str]:
    waiting: list[tuple[Place, Any]] = [((), value)]
    while waiting:
        place, one = waiting.pop()
        if isinstance(one, float):
            if not math.isfinite(one):
                return place, NUMBER.format(one)
        elif isinstance(one, str):
            if not _is_text(one):
                return place, TEXT
        else:
            waiting += _inside(place, one)
    return (), DEEP


def _inside(place: Place, value: Any) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield place, name
            yield (*place, name), item
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield (*place, number), item


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
