"""Which plugin runs this glyph?

Pure: the registry knows who is there, and asks here.
"""

from __future__ import annotations

from collections.abc import Collection

from qntx.errors import UnknownGlyph

PLAIN = "py"
PLAIN_PROVIDER = "python"


def route(glyph: str, providers: Collection[str], default: str = "") -> str:
    """The provider of that glyph. `py` is the default's, else python's, else the only one's."""
    kind, _, name = glyph.partition(":")
    chosen = name if kind == PLAIN and name else plain_provider(providers, default) if glyph == PLAIN else ""
    if chosen not in providers:
        raise UnknownGlyph(glyph, glyphs(providers, default))
    return chosen


def plain_provider(providers: Collection[str], default: str = "") -> str:
    """Who runs plain `py`; empty where nobody does."""
    if default:
        return default
    if PLAIN_PROVIDER in providers:
        return PLAIN_PROVIDER
    return next(iter(providers)) if len(providers) == 1 else ""


def glyphs(providers: Collection[str], default: str = "") -> list[str]:
    """Every glyph that `route` finds a provider for. The plain one stands for its provider too."""
    plain = plain_provider(providers, default)
    named = [f"{PLAIN}:{name}" for name in sorted(providers) if name != PLAIN_PROVIDER or name != plain]
    return [PLAIN, *named] if plain in providers else named


def glyph_of(provider: str) -> str:
    """The glyph that always reaches that provider."""
    return PLAIN if provider == PLAIN_PROVIDER else f"{PLAIN}:{provider}"
