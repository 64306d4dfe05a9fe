"""What a run could import: which packages, in which versions.

Looked up once, and again when a folder that scripts import from has changed. Whether one has is asked once a second,
and when somebody who knows says so: a run does not wait for a dozen looks at the disk.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import time
from collections.abc import Mapping, Sequence
from typing import Any

from qntx.model.variant import Requirement, Variant
from qntx.plugin import modules

LOOK_SECONDS = 1.0

_Stamp = tuple[tuple[str, int], ...]


class Inventory:
    """The Python and the packages of one variant."""

    def __init__(self, variant: Variant) -> None:
        self._own = frozenset(each.key for each in (*variant.dependencies, *variant.optional))
        self._stamp: _Stamp | None = None
        self._taken: Mapping[str, Any] = {}
        self._looked: tuple[Sequence[str], float] = ((), 0.0)

    async def now(self, path: Sequence[str]) -> Mapping[str, Any]:
        """The variant's own packages by name, and a digest of all that are there."""
        looked_at, until = self._looked
        if path != looked_at or time.monotonic() > until:
            await self._look(path)
        return self._taken

    def changed(self) -> None:
        """Something was installed: look again for the next run."""
        self._looked = ((), 0.0)

    async def _look(self, path: Sequence[str]) -> None:
        stamp = _stamp(path)
        if stamp != self._stamp:
            self._taken = await asyncio.to_thread(self._take, path)
            self._stamp = stamp
        self._looked = (path, time.monotonic() + LOOK_SECONDS)

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
