"""Which zygote a script needs: the bare one, or the one that has the variant's libraries in memory.

Pure: reads the source, runs nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

BARE, LOADED = "bare", "loaded"
# What looks like an import and is none, in a text for instance, costs nothing but the heavier worker.
_IMPORTED = re.compile(r"^\s*(?:import|from)\s+(\w+)", re.MULTILINE)
_LATE = frozenset({"__import__", "import_module", "exec", "eval", "attestations", "to_frame"})


def tier_of(code: str, preload: Collection[str]) -> str:
    """LOADED where the code imports one of the preloaded packages, or may do so in a way that cannot be seen."""
    if not preload:
        return BARE
    heavy = {name.partition(".")[0] for name in preload}
    if not any(name in code for name in heavy | _LATE):
        return BARE
    if heavy.intersection(_IMPORTED.findall(code)):
        return LOADED
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # It will fail the same way in either.
        return BARE
    return LOADED if any(name in heavy or name in _LATE for name in _names(tree)) else BARE


def _names(tree: ast.AST) -> Iterator[str]:
    """The packages it imports and the functions it calls by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
