"""What becomes of the values in attributes."""

import datetime as dt
import decimal
import enum
import fractions
import ipaddress
import pathlib
import uuid
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace

import pytest

from qntx.script.attributes import DEPTH_MAX, plain

ZONE = dt.timezone(dt.timedelta(hours=2))


@dataclass
class Gene:
    name: str
    found: dt.date


class Strand(enum.Enum):
    PLUS = "+"


class Level(enum.IntEnum):
    HIGH = 3


Point = namedtuple("Point", "x y")


class Word(str):
    """As numpy.str_ is."""


class Scalar:
    """As a numpy scalar is: not registered as a number of ours, with a dtype and tolist()."""

    dtype = SimpleNamespace(kind="i")

    def tolist(self):
        return 5


class Moments:
    """As an array of datetime64 is: tolist() gives nanoseconds, astype(str) gives dates."""

    dtype = SimpleNamespace(kind="M")

    def astype(self, _kind):
        return Listed(["2026-01-02"])

    def tolist(self):
        return [1_767_312_000_000_000_000]


class Listed:
    def __init__(self, values):
        self.values = values

    def tolist(self):
        return self.values


class Frame:
    columns = ("a",)

    def to_dict(self, orient):
        return {"records": [{"a": 1}]}[orient]


class Seq:
    """As Bio.Seq.Seq is."""

    def __str__(self):
        return "ATG"


class SeqRecord:
    id, name, description, seq = "r1", "rec", "a record", Seq()


class NaTType(dt.datetime):
    """As pandas.NaT is: a datetime that is none."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("ü", "ü"),
        (1.5, 1.5),
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (-(2**70), str(-(2**70))),
        (float("nan"), None),
        (float("inf"), None),
        (NaTType(1, 1, 1), None),
        (decimal.Decimal("1.10"), "1.10"),
        (fractions.Fraction(1, 3), "1/3"),
        (1 + 2j, "(1+2j)"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (ipaddress.ip_address("127.0.0.1"), "127.0.0.1"),
        (pathlib.PurePosixPath("/data/x"), "/data/x"),
        (dt.datetime(2026, 1, 2, 3, 4, tzinfo=ZONE), "2026-01-02T03:04:00+02:00"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.time(3, 4), "03:04:00"),
        (dt.timedelta(minutes=2), 120.0),
        (b"\x00\xff", "AP8="),
        (bytearray(b"x"), "eA=="),
        (memoryview(b"x"), "eA=="),
        ((1, 2), [1, 2]),
        (Point(1, 2), [1, 2]),
        (deque([1]), [1]),
        (range(3), [0, 1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (OrderedDict(a=(1,)), {"a": [1]}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({2: "a", None: "b", True: "c", 1.5: "d"}, {"2": "a", "null": "b", "true": "c", "1.5": "d"}),
        (Strand.PLUS, "+"),
        (Level.HIGH, 3),
        (Word("w"), "w"),
        (Gene("BRCA1", dt.date(1994, 10, 7)), {"name": "BRCA1", "found": "1994-10-07"}),
        (Scalar(), 5),
        (Listed([[1, 2**60]]), [[1, str(2**60)]]),
        (Moments(), ["2026-01-02"]),
        (Frame(), [{"a": 1}]),
        (Seq(), "ATG"),
        (SeqRecord(), {"id": "r1", "name": "rec", "description": "a record", "seq": "ATG"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_value_becomes_what_the_table_says(value, expected):
    assert plain(value) == expected


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"in": value}
    return value


def cyclic():
    value = {"list": []}
    value["list"].append(value)
    return value


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"x": object()}, r"attributes\.x is a builtins\.object, which has no JSON form"),
        ({"x": [1, lambda: 1]}, r"attributes\.x\[1\] is a builtins\.function"),
        ({"x": Gene}, r"attributes\.x is a builtins\.type"),
        ({(1, 2): 3}, r"a key of attributes is a tuple"),
        (cyclic(), r"attributes\.list\[0\] contains itself"),
        ({"x": "a\ud800b"}, r"attributes\.x holds '\\ud800', half of a character"),
        ({"\ud800": 1}, r"a key of attributes holds '\\ud800'"),
        (nested(DEPTH_MAX), r"deeper than 30 levels"),
        (nested(100_000), r"deeper than 30 levels"),
    ],
    ids=["object", "function", "class", "tuple key", "cycle", "surrogate", "surrogate key", "deep", "very deep"],
)
def test_what_has_no_json_form_is_refused_by_its_place(value, fault):
    with pytest.raises((TypeError, ValueError), match=fault):
        plain(value)


def test_the_same_value_twice_is_no_cycle():
    shared = [1]

    assert plain({"a": shared, "b": shared}) == {"a": [1], "b": [1]}
