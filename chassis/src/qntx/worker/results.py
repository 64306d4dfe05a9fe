"""A script's value as JSON: what JSON has no word for becomes the nearest thing that it has.

| value | becomes |
|---|---|
| None, bool, str, int, finite float | itself |
| int of more than 4,299 digits, which Python reads from no decimal text | hexadecimal text |
| NaN, infinity, pandas NaT and NA | null |
| Decimal, Fraction, complex, UUID, paths, IP addresses | text |
| datetime, date, time, numpy datetime64 | ISO 8601 text; a timedelta is its seconds |
| bytes, bytearray, memoryview | base64 text |
| mapping | object; keys become text |
| list, tuple, deque, range; set in sorted order where it can be sorted | array |
| Enum | its value |
| dataclass | object of its fields |
| numpy scalar, array | number, nested array |
| pandas DataFrame | object of columns, dtypes, index, data (an array a column), rows |
| pandas Series, Index | object of name, dtype, index, data; array |
| Biopython Seq; SeqRecord | its letters; object of id, name, description, seq |
| anything else, and what contains itself | its repr, cut at 10,000 characters |

The other way, as `upstream`, `attestation` or the argument of a call, a value comes as JSON reads it and nothing is
guessed: text stays text, whatever was written as it. Objects are dicts whose keys can be read as attributes too. What
the script knows better it says itself:

| came as | restored by |
|---|---|
| text of a Decimal, Fraction, complex, UUID, path | its type: `Decimal(text)` |
| text of a datetime, date | `datetime.fromisoformat(text)`, `date.fromisoformat(text)` |
| seconds of a timedelta | `timedelta(seconds=n)` |
| base64 | `base64.b64decode(text)` |
| hexadecimal text of an int | `int(text, 16)` |
| array of what was a set, tuple, numpy array | `set(a)`, `tuple(a)`, `numpy.array(a)` |
| object of a DataFrame | `pandas.DataFrame(dict(zip(o.columns, o.data)), index=o.index)` |
|  | and `.astype(dict(zip(o.columns, o.dtypes)))` |
| object of a Series | `pandas.Series(o.data, index=o.index, name=o.name, dtype=o.dtype)` |
| object of a dataclass; value of an Enum | `Point(**o)`; `Colour(value)` |
| letters of a Seq | `Seq(text)` |
| null of a NaN | `float("nan")`; in a frame, `astype` does it |

A result longer than 32 MiB as JSON is replaced by an object that says so: truncated, bytes, type, repr.
numpy, pandas and Biopython are known by their modules being loaded; none is imported here.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json
import math
import sys
from collections import deque
from collections.abc import Mapping, Set
from enum import Enum
from typing import Any

RESULT_BYTES_MAX = 32 * 1024 * 1024
REPR_CHARACTERS_MAX = 10_000
ORJSON_TEXT_MAX = 1024 * 1024
INT_BITS_MAX = 14_284
"""As many as 4,300 decimal digits always hold: the most that Python writes or reads unless it is told otherwise."""
DEPTH_MAX = 200
_SEQUENCES = (list, tuple, deque, range)
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_EPOCHLESS = (datetime.datetime, datetime.date, datetime.time)


def encode(value: Any) -> bytes:
    """The value as JSON."""
    encoded = _quick(value)
    if encoded is None:
        encoded = _to_json(plain(value)).encode("utf-8", "replace")
    if len(encoded) <= RESULT_BYTES_MAX:
        return encoded
    notice = {"truncated": True, "bytes": len(encoded), "type": type(value).__name__, "repr": _repr(value)}
    return json.dumps(notice, ensure_ascii=False).encode("utf-8", "replace")


def plain(value: Any) -> Any:
    """The value in nothing but what JSON has."""
    return _plain(value, ())


def _quick(value: Any) -> bytes | None:
    """With orjson where the variant has it, for what it writes as we would."""
    orjson = sys.modules.get("orjson")
    if orjson is None or (isinstance(value, str) and len(value) > ORJSON_TEXT_MAX):
        return None
    try:
        encoded: bytes = orjson.dumps(value, default=_arrays, option=orjson.OPT_SERIALIZE_NUMPY)
    except (TypeError, ValueError):
        return None
    return encoded


def _arrays(value: Any) -> Any:
    """Frames as columns of arrays that orjson writes without a Python object for each number."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(value, pandas.DataFrame):
        raise TypeError("not quick")
    dtypes = list(value.dtypes)
    names = {dtype: str(dtype) for dtype in set(dtypes) if _is_number(dtype)}
    if not all(dtype in names for dtype in dtypes):
        raise TypeError("not quick")
    if len(names) == 1:
        # One array of all, where they are kept as one: pandas makes a column out of it far slower.
        data = sys.modules["numpy"].ascontiguousarray(value.to_numpy().T)
    else:
        data = [_whole(column) for _, column in value.items()]
    return {
        "columns": [str(column) for column in value.columns],
        "dtypes": [names[dtype] for dtype in dtypes],
        "index": _whole(value.index) if _is_number(value.index.dtype) else plain(value.index),
        "data": data,
        "rows": len(value),
    }


def _whole(column: Any) -> Any:
    """As an array in one piece: orjson writes no other."""
    return sys.modules["numpy"].ascontiguousarray(column.to_numpy())


def _is_number(dtype: Any) -> bool:
    """Numbers as numpy keeps them: a column of pandas' own kind may hold what is none, and would lose digits."""
    return getattr(dtype, "kind", "O") in "iuf" and type(dtype).__module__.startswith("numpy")


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Enum):
        return _plain(value.value, above)
    if isinstance(value, int):
        return int(value) if value.bit_length() <= INT_BITS_MAX else hex(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if id(value) in above or len(above) > DEPTH_MAX:
        return _repr(value)
    return _composed(value, (*above, id(value)))


def _composed(value: Any, above: tuple[int, ...]) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {_key(key): _plain(each, above) for key, each in value.items()}
    if isinstance(value, _SEQUENCES):
        return [_plain(each, above) for each in value]
    if isinstance(value, Set):
        return [_plain(each, above) for each in _ordered(value)]
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name, None), above) for item in dataclasses.fields(value)}
    return _foreign(value, above)


def _foreign(value: Any, above: tuple[int, ...]) -> Any:
    """Values of libraries, as far as they are loaded."""
    for name, convert in (("numpy", _numpy), ("pandas", _pandas), ("Bio.Seq", _biopython)):
        module = sys.modules.get(name)
        if module is not None:
            converted = convert(module, value, above)
            if converted is not _UNKNOWN:
                return converted
    if isinstance(value, _EPOCHLESS):
        return value.isoformat()
    kind = type(value)
    if kind.__module__.partition(".")[0] in ("decimal", "fractions", "uuid", "pathlib", "ipaddress"):
        return str(value)
    return str(value) if kind is complex else _repr(value)


_UNKNOWN: Any = object()


def _numpy(numpy: Any, value: Any, above: tuple[int, ...]) -> Any:
    if isinstance(value, numpy.ndarray):
        if value.dtype.kind in "Mm":
            return [_plain(each, above) for each in value] if value.ndim else _plain(value[()], above)
        if value.dtype.kind in "biu":
            return value.tolist()
        # A long double is more than a Python float, and stays numpy's own.
        if value.dtype.kind == "f" and value.dtype.itemsize <= 8 and bool(numpy.isfinite(value).all()):
            return value.tolist()
        return _plain(value.tolist(), above)
    if isinstance(value, numpy.datetime64):
        return None if numpy.isnat(value) else str(value)
    if isinstance(value, numpy.timedelta64):
        return None if numpy.isnat(value) else float(value / numpy.timedelta64(1, "s"))
    if isinstance(value, numpy.generic):
        item = value.item()
        return _repr(value) if isinstance(item, numpy.generic) else _plain(item, above)
    return _UNKNOWN


def _pandas(pandas: Any, value: Any, above: tuple[int, ...]) -> Any:
    if not hasattr(pandas, "DataFrame"):
        return _UNKNOWN
    if value is pandas.NaT or value is pandas.NA:
        return None
    if isinstance(value, pandas.DataFrame):
        return {
            "columns": [_plain(column, above) for column in value.columns],
            "dtypes": [str(dtype) for dtype in value.dtypes],
            "index": _plain(value.index, above),
            "data": [_column(value.iloc[:, position], above) for position in range(len(value.columns))],
            "rows": len(value),
        }
    if isinstance(value, pandas.Series):
        return {
            "name": _plain(value.name, above),
            "dtype": str(value.dtype),
            "index": _plain(value.index, above),
            "data": _column(value, above),
        }
    if isinstance(value, pandas.Index):
        return _plain(value.tolist(), above)
    if isinstance(value, (pandas.Period, pandas.Interval)):
        return str(value)
    return _UNKNOWN


def _column(series: Any, above: tuple[int, ...]) -> Any:
    return _plain(series.to_numpy() if _is_number(series.dtype) else series.tolist(), above)


def _biopython(seq: Any, value: Any, _above: tuple[int, ...]) -> Any:
    if isinstance(value, (seq.Seq, seq.MutableSeq)):
        return str(value)
    record = sys.modules.get("Bio.SeqRecord")
    if record is not None and isinstance(value, record.SeqRecord):
        seq_text = None if value.seq is None else str(value.seq)
        return {"id": value.id, "name": value.name, "description": value.description, "seq": seq_text}
    return _UNKNOWN


def _key(key: Any) -> str:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, Enum):
        return _key(key.value)
    if key is None or isinstance(key, (bool, float)):
        return json.dumps(key)
    converted = plain(key)
    return converted if isinstance(converted, str) else json.dumps(converted)


def _ordered(values: Set[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return list(values)


def _repr(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as fault:
        text = f"<{type(value).__name__} whose repr raised {type(fault).__name__}>"
    return text if len(text) <= REPR_CHARACTERS_MAX else text[:REPR_CHARACTERS_MAX] + "..."
