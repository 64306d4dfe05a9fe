"""Which plugin runs a glyph."""

from __future__ import annotations

import pytest

from qntx.errors import UnknownGlyph
from qntx.host.plugins.router import glyph_of, glyphs, route

FAMILY = ["bio", "data", "python"]


@pytest.mark.parametrize(
    ("glyph", "providers", "default", "provider"),
    [
        ("py:bio", FAMILY, "", "bio"),
        ("py:python", FAMILY, "", "python"),
        ("py", FAMILY, "", "python"),
        ("py", FAMILY, "data", "data"),
        ("py", ["bio"], "", "bio"),
    ],
)
def test_a_glyph_has_its_provider(glyph: str, providers: list[str], default: str, provider: str) -> None:
    assert route(glyph, providers, default) == provider


@pytest.mark.parametrize("glyph", ["py:chem", "ts", "ts:bio", "", "py:", "PY", "bio", "py:bio:x", " py"])
def test_an_unknown_glyph_lists_what_there_is(glyph: str) -> None:
    with pytest.raises(UnknownGlyph, match=r"provided: py, py:bio, py:data\)"):
        route(glyph, FAMILY)


@pytest.mark.parametrize(("providers", "default"), [([], ""), (["bio", "data"], ""), (FAMILY, "chem")])
def test_a_plain_glyph_that_nobody_or_several_could_run_is_unknown(providers: list[str], default: str) -> None:
    with pytest.raises(UnknownGlyph):
        route("py", providers, default)


@pytest.mark.parametrize(
    ("providers", "default"), [(FAMILY, ""), (FAMILY, "bio"), (["bio"], ""), (["bio", "data"], ""), ([], "")]
)
def test_every_glyph_that_is_listed_is_routed(providers: list[str], default: str) -> None:
    assert all(route(glyph, providers, default) in providers for glyph in glyphs(providers, default))


def test_the_glyph_of_a_provider_reaches_it() -> None:
    assert [route(glyph_of(name), FAMILY) for name in FAMILY] == FAMILY
