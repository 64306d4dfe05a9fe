"""Which modules a script of this plugin can import, found without importing any.

The server shares its environment with the workers, so their answer is ours; importing to find out would bring their
weight, and whatever their code does, into the process that must always answer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from importlib.machinery import PathFinder


def available(module: str, path: Sequence[str]) -> bool:
    """Whether `import module` would find it; `Bio.Seq` is looked for inside `Bio`."""
    first, *rest = module.split(".")
    if not all(part.isidentifier() for part in (first, *rest)):
        return False
    if module in sys.builtin_module_names or (first in sys.stdlib_module_names and module in sys.modules):
        return True  # `os.path` is in no file of that name
    PathFinder.invalidate_caches()
    found = PathFinder.find_spec(first, list(path))
    name = first
    for part in rest:
        if found is None or found.submodule_search_locations is None:
            return False
        name = f"{name}.{part}"
        found = PathFinder.find_spec(name, list(found.submodule_search_locations))
    return found is not None


def packages(path: Sequence[str]) -> list[dict[str, str]]:
    """The installed distributions, by name."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions(path=list(path)):
        if name := distribution.metadata["Name"]:
            found.setdefault(name, distribution.version)
    return [{"name": name, "version": found[name]} for name in sorted(found, key=str.lower)]


def top_level(path: Sequence[str]) -> list[str]:
    """The modules that the installed distributions bring, private ones aside."""
    names: set[str] = set()
    for distribution in metadata.distributions(path=list(path)):
        names |= set(_names(distribution))
    return sorted(name for name in names if name.isidentifier() and not name.startswith("_"))


def _names(distribution: metadata.Distribution) -> Iterable[str]:
    if listed := distribution.read_text("top_level.txt"):
        return listed.split()
    files = distribution.files or []
    return {file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py" and file.parts[0] != ".."}
