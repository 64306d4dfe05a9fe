"""What each value of a script becomes in JSON."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import json
import pathlib
import uuid
from collections import deque
from dataclasses import dataclass

import pytest

from qntx.worker import results


@dataclass
class Point:
    x: int
    y: object


class Colour(enum.Enum):
    RED = "red"


class Unshowable:
    def __repr__(self):
        raise ValueError


PLAIN = [
    (None, None),
    (True, True),
    ("aé\n", "aé\n"),
    (2**100, 2**100),
    (10**4299, 10**4299),
    ([-(10**5000)], [hex(-(10**5000))]),
    ({10**5000: 1}, {hex(10**5000): 1}),
    (-1.5, -1.5),
    (float("nan"), None),
    (float("-inf"), None),
    (decimal.Decimal("1.10"), "1.10"),
    (fractions.Fraction(1, 3), "1/3"),
    (1 + 2j, "(1+2j)"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (pathlib.PurePosixPath("/a"), "/a"),
    (datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC), "2026-01-02T03:04:05+00:00"),
    (datetime.date(2026, 1, 2), "2026-01-02"),
    (datetime.timedelta(minutes=1), 60.0),
    (b"\x00\xff", "AP8="),
    ({3, 1, 2}, [1, 2, 3]),
    (frozenset({"b", "a"}), ["a", "b"]),
    ((1, deque([2]), range(2)), [1, [2], [0, 1]]),
    ({1: "a", None: "b", (1, 2): "c", Colour.RED: "d"}, {"1": "a", "null": "b", "[1, 2]": "c", "red": "d"}),
    (Colour.RED, "red"),
    (Point(1, {2.5}), {"x": 1, "y": [2.5]}),
    ([float("nan"), {"deep": float("inf")}], [None, {"deep": None}]),
    (Unshowable(), "<Unshowable whose repr raised ValueError>"),
    ("half \ud800 a character", "half ? a character"),
]


@pytest.mark.parametrize(("value", "expected"), PLAIN, ids=[type(value).__name__ for value, _ in PLAIN])
def test_a_value_becomes_the_nearest_thing_json_has(value, expected):
    assert json.loads(results.encode(value)) == expected


def test_what_contains_itself_is_cut_off_there():
    loop: list[object] = [1]
    loop.append(loop)

    assert json.loads(results.encode(loop)) == [1, "[1, [...]]"]


def test_what_is_nested_too_deeply_still_has_a_result():
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]

    assert json.loads(results.encode(deep))


def test_a_result_that_is_too_long_says_so(monkeypatch):
    monkeypatch.setattr(results, "RESULT_BYTES_MAX", 100)

    assert json.loads(results.encode("x" * 99)) == {
        "truncated": True,
        "bytes": 101,
        "type": "str",
        "repr": "'" + "x" * 99 + "'",
    }


def test_numpy_keeps_its_numbers():
    numpy = pytest.importorskip("numpy", reason="numpy is not installed here")

    value = {
        "scalar": numpy.float32(1.5),
        "matrix": numpy.arange(4).reshape(2, 2),
        "missing": numpy.array([1.0, numpy.nan]),
        "day": numpy.datetime64("2026-01-02"),
        "none": numpy.datetime64("NaT"),
        "zero-dimensional": numpy.array(3),
    }

    assert json.loads(results.encode(value)) == {
        "scalar": 1.5,
        "matrix": [[0, 1], [2, 3]],
        "missing": [1.0, None],
        "day": "2026-01-02",
        "none": None,
        "zero-dimensional": 3,
    }


def test_a_frame_comes_as_columns():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed here")
    frame = pandas.DataFrame({"n": [1, 2], "x": [0.5, None], "t": pandas.to_datetime(["2026-01-02", None])})

    encoded = json.loads(results.encode(frame))

    assert encoded["columns"] == ["n", "x", "t"]
    assert encoded["data"] == [[1, 2], [0.5, None], ["2026-01-02T00:00:00", None]]
    assert (encoded["index"], encoded["rows"]) == ([0, 1], 2)
    assert json.loads(results.encode(frame["n"]))["data"] == [1, 2]


@pytest.mark.parametrize(
    ("columns", "data"),
    [
        ({}, []),
        ({"a": [], "b": []}, [[], []]),
        ({"a": [1, 2, 3], "b": [4, 5, 6]}, [[1, 3], [4, 6]]),
        ({"a": [1.5, float("nan"), 3.0], "b": [4.0, 5.0, 6.0]}, [[1.5, 3.0], [4.0, 6.0]]),
        ({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]}, [[1, 3], [0.5, 2.5]]),
    ],
)
def test_a_frame_of_numbers_comes_as_columns_however_it_is_kept(columns, data):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed here")
    frame = pandas.DataFrame(columns)[::2]

    encoded = json.loads(results.encode(frame))

    assert (encoded["columns"], encoded["data"], encoded["rows"]) == ([*columns], data, len(frame))
    assert encoded["dtypes"] == [str(dtype) for dtype in frame.dtypes]
    assert encoded["index"] == [*frame.index]


def test_a_number_beyond_a_double_is_its_repr_not_a_failure():
    numpy = pytest.importorskip("numpy", reason="numpy is not installed here")

    assert json.loads(results.encode([numpy.array([1.5], dtype=numpy.longdouble)])) == [[repr(numpy.longdouble(1.5))]]


def test_biopython_gives_its_letters():
    pytest.importorskip("Bio", reason="Biopython is not installed here")
    from Bio.Seq import Seq  # noqa: PLC0415
    from Bio.SeqRecord import SeqRecord  # noqa: PLC0415

    record = SeqRecord(Seq("ATG"), id="r1", name="n", description="d")

    assert json.loads(results.encode([Seq("ATG"), record])) == [
        "ATG",
        {"id": "r1", "name": "n", "description": "d", "seq": "ATG"},
    ]
