"""What a run could import: which packages, in which versions.

Looked up once, and again when a folder that scripts import from has changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from qntx.model.variant import Requirement, Variant
from qntx.plugin import modules

_Stamp = tuple[tuple[str, int], ...]


class Inventory:
    """The Python and the packages of one variant."""

    def __init__(self, variant: Variant) -> None:
        self._own = frozenset(each.key for each in (*variant.dependencies, *variant.optional))
        self._stamp: _Stamp | None = None
        self._taken: Mapping[str, Any] = {}

    async def now(self, path: Sequence[str]) -> Mapping[str, Any]:
        """The variant's own packages by name, and a digest of all that are there."""
        stamp = _stamp(path)
        if stamp != self._stamp:
            self._taken = await asyncio.to_thread(self._take, path)
            self._stamp = stamp
        return self._taken

    def _take(self, path: Sequence[str]) -> Mapping[str, Any]:
        versions = {Requirement(each["name"]).key: each["version"] for each in modules.packages(path)}
        listed = "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))
        return {
            "python": platform.python_version(),
            "packages": {name: versions[name] for name in sorted(self._own & versions.keys())},
            "packages_sha256": hashlib.sha256(listed.encode()).hexdigest(),
        }


def _stamp(path: Sequence[str]) -> _Stamp:
    return tuple((each, _changed_ns(each)) for each in path)


def _changed_ns(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0
