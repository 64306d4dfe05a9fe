"""Python's reading of bad manifests, by the table that Nix is held to as well (tests/nix/checks.nix)."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from qntx.errors import InvalidManifest
from qntx.model import variant

BAD = tomllib.loads(Path(__file__).with_name("manifests.toml").read_text())


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_a_bad_manifest_is_refused_with_its_file_its_key_and_the_nearest_valid_name(case):
    with pytest.raises(InvalidManifest) as caught:
        variant.parse(case.get("name", "chem"), case["manifest"], "chem/plugin.toml")

    assert str(caught.value) == f"chem/plugin.toml: {case['fault']}"


def test_a_name_that_begins_with_anothers_and_a_hyphen_is_refused():
    with pytest.raises(InvalidManifest) as caught:
        variant.refuse_shadowed(["bio", "python", "python-bio"], "variants")

    assert str(caught.value) == (
        "variants: variant 'python-bio' begins with 'python-', so QNTX would take its watchers for those of 'python'"
    )
