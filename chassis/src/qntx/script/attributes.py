"""Attributes made into JSON: what a script has at hand, as the store can keep it.

| value | becomes |
|---|---|
| None, bool, str, finite float, int up to 2**53 | itself |
| int beyond 2**53 | its digits as text: the store keeps numbers as doubles and would round them |
| NaN, infinity, pandas NaT and NA | null |
| Decimal, Fraction, complex, UUID, paths, IP addresses | text |
| datetime, date, time | ISO 8601 text; a timedelta is its seconds |
| bytes, bytearray, memoryview | base64 text |
| mapping | object; keys that are numbers, booleans or None become text, as in the json module |
| list, tuple, deque, range, and set in sorted order | array |
| Enum | its value |
| dataclass | object of its fields |
| numpy scalar, array (dates and durations in it are text); pandas Series, Index | number, (nested) array |
| pandas DataFrame | array of its rows |
| Biopython Seq; SeqRecord | its letters; object of id, name, description and seq |

Anything else, a value that contains itself, text that is not Unicode and nesting deeper than 30 is refused by name.
numpy, pandas and Biopython are known by what their values can do; none of them is imported.
"""

from __future__ import annotations

import base64
import dataclasses
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from enum import Enum
from numbers import Number
from typing import Any

EXACT_INT_MAX = 2**53
DEPTH_MAX = 30
"""protobuf refuses a Struct nested deeper than about this."""

_AS_TEXT = {
    "UUID",
    "Period",
    "Interval",
    "Seq",
    "MutableSeq",
    "IPv4Address",
    "IPv6Address",
    "IPv4Network",
    "IPv6Network",
}
_AS_NULL = {"NaTType", "NAType"}


def plain(value: Any, where: str = "attributes") -> Any:
    """The value as JSON values only; TypeError or ValueError that names the place where it has no such form."""
    return _plain(value, where, ())


def _plain(value: Any, where: str, inside: tuple[int, ...]) -> Any:
    kind = type(value)
    if kind is str:
        return _unicode(value, where)
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if -EXACT_INT_MAX <= value <= EXACT_INT_MAX else str(value)
    if kind is float:
        return value if value - value == 0 else None  # NaN and infinities differ from themselves or leave NaN
    if kind.__name__ in _AS_NULL:
        return None
    for family, convert in _SCALARS:
        if isinstance(value, family):
            return _plain(convert(value), where, inside)
    if kind.__name__ in _AS_TEXT:
        return str(value)
    if id(value) in inside:
        raise ValueError(f"{where} contains itself; JSON cannot say that")
    if len(inside) >= DEPTH_MAX:
        raise ValueError(
            f"{where} is nested deeper than {DEPTH_MAX} levels; flatten it, or keep it as a json.dumps() text"
        )
    return _container(value, where, (*inside, id(value)))


def _unicode(text: str, where: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as fault:
            raise ValueError(
                f"{where} holds {text[fault.start]!r}, half of a character, which is not Unicode text; "
                'clean it with text.encode("utf-8", "replace").decode()'
            ) from None
    return text


_SCALARS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Enum, lambda value: value.value),  # first: an IntEnum is an int and a StrEnum a str
    (str, str.__str__),
    (int, int),
    (date, lambda value: value.isoformat()),  # a datetime is a date, a pandas Timestamp a datetime
    (time, lambda value: value.isoformat()),
    (timedelta, lambda value: value.total_seconds()),
    (bytes | bytearray | memoryview, lambda value: base64.b64encode(value).decode("ascii")),
    (os.PathLike, lambda value: os.fsdecode(value)),
)


def _container(value: Any, where: str, inside: tuple[int, ...]) -> Any:
    if isinstance(value, Mapping):
        return {_key(key, where): _plain(each, f"{where}.{key}", inside) for key, each in value.items()}
    if isinstance(value, list | tuple | deque | range):
        return [_plain(each, f"{where}[{index}]", inside) for index, each in enumerate(value)]
    if isinstance(value, AbstractSet):
        return _plain(_in_order(value), where, inside)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _plain(fields, where, inside)
    foreign = _foreign(value)
    if foreign is not None:
        return _plain(foreign[0], where, inside)
    if isinstance(value, float):
        return _plain(float(value), where, inside)
    if isinstance(value, Number):
        return str(value)
    kind = type(value)
    raise TypeError(
        f"{where} is a {kind.__module__}.{kind.__qualname__}, which has no JSON form; convert it, or use str()"
    )


def _foreign(value: Any) -> tuple[Any] | None:
    """What a value of numpy, pandas or Biopython holds, in a tuple of one; None where it is none of them."""
    numpy_kind = getattr(getattr(value, "dtype", None), "kind", "")
    if hasattr(value, "columns") and hasattr(value, "to_dict"):
        return (value.to_dict(orient="records"),)
    if numpy_kind in ("m", "M") and hasattr(value, "astype"):
        return (value.astype(str).tolist(),)  # tolist() alone would give nanoseconds
    if hasattr(value, "tolist"):
        return (value.tolist(),)  # numpy scalars have it too
    if type(value).__name__ == "SeqRecord":
        names = ("id", "name", "description")
        return ({**{name: getattr(value, name) for name in names}, "seq": str(value.seq)},)
    return None


def _in_order(values: Iterable[Any]) -> list[Any]:
    """Sorted, so that the same set is the same claim; what cannot be compared goes by its repr."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


def _key(key: Any, where: str) -> str:
    if isinstance(key, str):
        return _unicode(str(key), f"a key of {where}")
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, Number):
        return str(key)
    if isinstance(key, date):
        return key.isoformat()
    raise TypeError(f"a key of {where} is a {type(key).__name__} ({key!r}); keys must be text")
