"""The directory of packages installed at run time: one generation in use, swapped whole.

    SITE/lock                        held by whoever changes something here
    SITE/current                     a link to the generation in use
    SITE/generations/ID/packages     last on the path: what the variant has wins
    SITE/generations/ID/ahead        first on the path: what was forced before the variant's own
    SITE/generations/ID/state.json   what was asked for, and the versions that were settled on

A worker's path goes through the link, so that the next import finds what was installed last; a generation that is in
use is never changed, so that a plugin killed at any moment leaves either the old one or the new.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

from qntx.engine.requirements import Requirement, normalised
from qntx.errors import Unavailable

LOCK_SECONDS_MAX = 600.0
LOCK_LOOK_SECONDS = 0.1
READABLE = 0o755


@dataclass(frozen=True, slots=True)
class State:
    """What a generation was made for."""

    wanted: Mapping[str, Requirement] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of all that was settled on: what was wanted, and what that needs."""
    freed: tuple[str, ...] = ()
    """The variant's own packages that a forced installation may replace."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One set of installed packages."""

    root: Path

    @property
    def packages(self) -> Path:
        return self.root / "packages"

    @property
    def ahead(self) -> Path:
        return self.root / "ahead"

    def state(self) -> State:
        try:
            told = json.loads((self.root / "state.json").read_bytes())
        except FileNotFoundError:
            return State()
        wanted = {
            name: Requirement(**{**each, "hashes": tuple(each["hashes"])}) for name, each in told["wanted"].items()
        }
        return State(wanted, told["versions"], tuple(told["freed"]))

    def write(self, state: State) -> None:
        told = {
            "wanted": {name: asdict(requirement) for name, requirement in state.wanted.items()},
            "versions": dict(state.versions),
            "freed": list(state.freed),
        }
        (self.root / "state.json").write_text(json.dumps(told, indent=1))

    def distributions(self) -> dict[str, metadata.Distribution]:
        """What is installed in it, by normalised name."""
        found = metadata.distributions(path=[str(self.ahead), str(self.packages)])
        return {normalised(each.metadata["Name"]): each for each in found}


class Overlay:
    """The generations under one directory."""

    def __init__(self, site: Path) -> None:
        self.site = site
        self.current = Generation(site / "current")
        self._generations = site / "generations"

    def prepare(self) -> None:
        """Make what is missing. Raises OSError where nothing can be written."""
        self._generations.mkdir(parents=True, exist_ok=True)
        for folder in (self.site, self._generations):
            folder.chmod(READABLE)
        if not self.current.root.exists():
            self.adopt(self.begin())

    def begin(self) -> Generation:
        """An empty generation that is not in use."""
        generation = Generation(Path(tempfile.mkdtemp(dir=self._generations)))
        for folder in (generation.root, generation.packages, generation.ahead):
            folder.mkdir(exist_ok=True)
            folder.chmod(READABLE)
        return generation

    def adopt(self, generation: Generation) -> None:
        """Use it from now on."""
        link = generation.root / "link"
        link.symlink_to(Path("generations") / generation.root.name)
        link.replace(self.current.root)

    def remove_others(self) -> None:
        """What was in use before, and what interrupted installations left."""
        used = self.current.root.resolve().name
        for path in self._generations.iterdir():
            if path.name != used:
                shutil.rmtree(path)

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """One change at a time, among all the plugins that share the directory."""
        descriptor = os.open(self.site / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            await _take(descriptor, self.site)
            yield
        finally:
            os.close(descriptor)


async def _take(descriptor: int, site: Path) -> None:
    """Look until it is free: waiting in the kernel would hold a thread that nothing could wake."""
    for _ in range(round(LOCK_SECONDS_MAX / LOCK_LOOK_SECONDS)):
        if _taken(descriptor):
            return
        await asyncio.sleep(LOCK_LOOK_SECONDS)
    raise Unavailable(f"another installation into {site} goes on; try again later")


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
