"""Which plugins are installed here? Executables found by name in the search folders, as the QNTX core finds them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from qntx.errors import InvalidConfig
from qntx.host.config import PluginSection
from qntx.host.home import Home

LAUNCHER = re.compile(r"qntx-(?P<name>.+)-plugin")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
RESERVED = frozenset(
    {
        "attestations",
        "capsules",
        "canvas",
        "events",
        "glyphs",
        "handlers",
        "health",
        "ix",
        "metrics",
        "plugins",
        "pulse",
    }
    | {"schedules", "scripts", "session", "types", "v1", "watchers"}
)
"""First parts of the host's own API paths: a plugin of that name could not be reached."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A plugin that is to be started. Without a path it was asked for and not found."""

    name: str
    path: Path | None
    searched: tuple[Path, ...]


def search_paths(section: PluginSection, home: Home, folder: Path) -> tuple[Path, ...]:
    """The folders that are searched, in order."""
    if section.paths:
        return tuple(Path(os.path.expandvars(path)).expanduser() for path in section.paths)
    return (home.plugins, folder / "qntx-plugins")


def discover(section: PluginSection, paths: Sequence[Path], attached: Collection[str] = ()) -> list[Installed]:
    """The plugins that are to be started: those enabled; without a list, all whose launcher is found; never those that
    are attached. Raises InvalidConfig for bad names, of those too."""
    names = section.enabled if section.enabled is not None else sorted(set(_launchers(paths)))
    for name in (*names, *attached):
        _check(name)
    for shorter, longer in permutations(dict.fromkeys((*names, *attached)), 2):
        if longer.startswith(f"{shorter}-"):
            # QNTX deletes watchers by the prefix "NAME-": python's restart would take python-bio's with it.
            raise InvalidConfig("plugin.enabled", f"{longer!r} starts with the name of {shorter!r}: rename one of them")
    return [Installed(name, find(name, paths), tuple(paths)) for name in dict.fromkeys(names) if name not in attached]


def find(name: str, paths: Iterable[Path]) -> Path | None:
    """The executable of that plugin: the first folder that has it, and in it the fullest name."""
    for folder in paths:
        for candidate in (f"qntx-{name}-plugin", f"qntx-{name}", name):
            if _executable(folder / candidate):
                return folder / candidate
    return None


def _check(name: str) -> None:
    if "://" in name:
        raise InvalidConfig("plugin.enabled", f"{name}: plugins are not downloaded; install its launcher and name it")
    if not NAME.fullmatch(name):
        raise InvalidConfig("plugin.enabled", f"{name!r} is no plugin name: lower-case letters, digits, - and _")
    if name in RESERVED:
        raise InvalidConfig("plugin.enabled", f"{name!r} is a path of the host's own API: rename the plugin")


def _launchers(paths: Iterable[Path]) -> Iterator[str]:
    for folder in paths:
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if (match := LAUNCHER.fullmatch(file.name)) and _executable(file):
                yield match["name"]


def _executable(file: Path) -> bool:
    return file.is_file() and os.access(file, os.X_OK)
