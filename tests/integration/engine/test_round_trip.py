"""What one script returns, another is given: as JSON, and restored as the table in worker/results.py says."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest

MODULES = (
    "import base64\nfrom collections import *\nfrom dataclasses import dataclass\nfrom datetime import *\n"
    "from decimal import Decimal\nfrom enum import Enum\nfrom fractions import Fraction\nfrom pathlib import Path\n"
    "from uuid import UUID\n"
    "@dataclass\nclass Point:\n    x: int\nclass Colour(Enum):\n    RED = 'red'\n"
)
LIBRARIES = {"pandas": "import pandas\n", "numpy": "import numpy\n", "Bio": "from Bio.Seq import Seq\n"}
# The value, what restores it from `upstream`, and the libraries that they need.
TRIPS = [
    ("None", "upstream", ()),
    ("[True, 1, 2**80, -1.5, 'aé', {'a': [1]}]", "upstream", ()),
    ("Decimal('1.10')", "Decimal(upstream)", ()),
    ("Fraction(1, 3)", "Fraction(upstream)", ()),
    ("1 + 2j", "complex(upstream)", ()),
    ("UUID(int=1)", "UUID(upstream)", ()),
    ("Path('/a/b')", "Path(upstream)", ()),
    ("datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)", "datetime.fromisoformat(upstream)", ()),
    ("date(2026, 1, 2)", "date.fromisoformat(upstream)", ()),
    ("timedelta(hours=1, microseconds=1)", "timedelta(seconds=upstream)", ()),
    ("b'\\x00\\xff'", "base64.b64decode(upstream)", ()),
    ("{3, 1}", "set(upstream)", ()),
    ("(1, 2)", "tuple(upstream)", ()),
    ("deque([1])", "deque(upstream)", ()),
    ("Point(3)", "Point(**upstream)", ()),
    ("Colour.RED", "Colour(upstream)", ()),
    ("numpy.arange(6.0).reshape(2, 3)", "numpy.array(upstream)", ("numpy",)),
    (
        "pandas.DataFrame({'n': [1.5, float('nan')], 'i': [1, 2], 't': ['a', 'b']}, index=['x', 'y'])",
        "pandas.DataFrame(dict(zip(upstream.columns, upstream.data)), index=upstream.index)"
        ".astype(dict(zip(upstream.columns, upstream.dtypes)))",
        ("pandas",),
    ),
    (
        "pandas.Series([1, 2], index=['x', 'y'], name='s')",
        "pandas.Series(upstream.data, index=upstream.index, name=upstream.name, dtype=upstream.dtype)",
        ("pandas",),
    ),
    ("Seq('ATG')", "Seq(upstream)", ("Bio",)),
]
SAME = (
    "(restored.equals(value) if hasattr(value, 'equals') else bool((restored == value).all()) if hasattr(value, 'all') "
)
SAME += "else restored == value and type(restored).__name__.replace('Record', 'dict') == type(value).__name__)"


@pytest.mark.parametrize(("value", "restored", "needs"), TRIPS, ids=[value for value, _, _ in TRIPS])
async def test_a_value_survives_the_way_there_and_back(run, value, restored, needs):
    for module in needs:
        if not find_spec(module):
            pytest.skip(f"{module} is not installed here")
    prelude = MODULES + "".join(LIBRARIES[module] for module in needs)
    sent = await run(f"{prelude}{value}")

    back = await run(
        f"{prelude}value, restored = {value}, {restored}\n_result = {SAME}", upstream=json.loads(sent.result_json)
    )

    assert (sent.error, back.error, back.result_json) == ("", "", b"true")


async def test_what_an_object_holds_can_be_read_as_attributes(run):
    given = {"subjects": ["BRCA1"], "attributes": {"bp": 81189}, "contexts": None}

    result = await run("upstream.attributes.bp, upstream['subjects'], upstream.contexts", upstream=given)

    assert json.loads(result.result_json) == [81189, ["BRCA1"], []]


async def test_arguments_of_a_call_come_as_upstream_does(run):
    code = "def handle(payload):\n    return payload.rows[0].name"

    assert (await run(code, call="handle", call_with=({"rows": [{"name": "x"}]},))).result_json == b'"x"'
