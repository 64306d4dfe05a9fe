"""Which zygote a script is given to."""

from __future__ import annotations

import pytest

from qntx.engine.tiers import BARE, LOADED, tier_of

PRELOAD = ("numpy", "pandas", "Bio.Seq")


@pytest.mark.parametrize(
    ("code", "tier"),
    [
        ("1 + 1", BARE),
        ("import json", BARE),
        ("import numpy as np", LOADED),
        ("from Bio import SeqIO", LOADED),
        ("def f():\n    import pandas.io", LOADED),
        ("print('I like numpy')", BARE),
        ("__import__('num' + 'py')", LOADED),
        ("import importlib; importlib.import_module(name)", LOADED),
        ("exec(code)", LOADED),
        ("list(attestations(subjects=['x']).to_frame())", LOADED),
        # Fails the same way in either.
        ("import numpy as (", LOADED),
        ("numpy as (", BARE),
    ],
)
def test_a_script_that_may_need_the_libraries_gets_them(code, tier):
    assert tier_of(code, PRELOAD) == tier


def test_a_variant_without_libraries_has_one_tier():
    assert tier_of("import numpy", ()) == BARE
