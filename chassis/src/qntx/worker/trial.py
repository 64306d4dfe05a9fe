"""A package's modules, imported to see whether they can be: by a worker that nobody waits for afterwards."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence


def tried(before: str, after: str, names: Sequence[str]) -> list[str]:
    """What went wrong with each, where none of them imports. Paths below `before` give way to those below `after`."""
    sys.path[:] = [path.replace(before, after) for path in sys.path]
    importlib.invalidate_caches()
    failed = []
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException as fault:
            failed.append(f"import {name}: {type(fault).__name__}: {fault}")
    return failed if len(failed) == len(names) else []
