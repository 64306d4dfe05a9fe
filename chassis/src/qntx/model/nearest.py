"""Which of the known names was probably meant? For errors that refuse an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def meant(name: str, known: Iterable[str]) -> str:
    """A clause to append to an error: the nearest known name, or all of them where none is near."""
    names = sorted(known)
    if near := difflib.get_close_matches(name, names, n=1, cutoff=0.6):
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(names) or 'none'}"
