"""How long: seconds as a number, a timedelta, or a text like "5m"."""

from __future__ import annotations

import re
from datetime import timedelta

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d+)\s*([smhdw])\s*")
_SECONDS_MAX = 2**31 - 1
"""A schedule's period travels as an int32."""


def whole_seconds(every: object) -> int:
    """The period in seconds, at least one; ValueError where it is not one that a schedule can have."""
    seconds = _seconds(every)
    if seconds is None:
        raise ValueError(
            f'{every!r} is not a period; pass seconds, a timedelta, or a text like "30s", "5m", "1h30m", "2d"'
        )
    if seconds < 1 or seconds != int(seconds):
        raise ValueError(f"{every!r} is not a whole number of seconds of at least 1")
    if seconds > _SECONDS_MAX:
        raise ValueError(f"{every!r} is longer than the {_SECONDS_MAX} seconds a schedule can wait")
    return int(seconds)


def _seconds(every: object) -> float | None:
    if isinstance(every, timedelta):
        return every.total_seconds()
    if isinstance(every, int | float) and not isinstance(every, bool):
        # NaN and infinity are no periods, and int() would not say so in our words.
        return every if abs(every) < float("inf") else None
    if isinstance(every, str):
        return _spelled(every.strip().lower())
    return None


def _spelled(text: str) -> float | None:
    if text.isdecimal():
        return int(text)
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text):
        return None
    return sum(int(amount) * _SECONDS[unit] for amount, unit in parts)
