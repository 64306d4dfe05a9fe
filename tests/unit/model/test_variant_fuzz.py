"""Manifests of any text: each is a variant, or refused with a reason."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from qntx.errors import InvalidManifest
from qntx.model.variant import parse

KEYS = st.sampled_from(
    [
        "version",
        "description",
        "glyph",
        "dependencies",
        "optional",
        "preload",
        "imports",
        "tools",
        "env",
        "limits",
        "nix",
        "smoke",
        "limits.memory_mib",
        "limits.network",
        "env.A",
        "smoke.code",
        "nonsense",
    ]
)
VALUES = st.sampled_from(
    [
        "1",
        "-1",
        "1e400",
        "nan",
        "true",
        '""',
        '"a"',
        '"numpy>=1"',
        '["numpy"]',
        "[1]",
        "[[]]",
        "{}",
        "{a=1}",
        '"\x00"',
        "1979-05-27",
        '["numpy","numpy"]',
        '"../../x"',
        "99999999999999999999",
    ]
)
MANIFESTS = st.lists(st.tuples(KEYS, VALUES), max_size=6).map(
    lambda pairs: "\n".join(f"{key} = {value}" for key, value in dict(pairs).items())
)


@given(st.text(max_size=200) | MANIFESTS)
def test_any_manifest_is_read_or_refused(text):
    with contextlib.suppress(InvalidManifest):
        assert parse("fuzzed", text, "plugin.toml").name == "fuzzed"
