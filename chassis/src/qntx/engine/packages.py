"""Packages installed while the plugin runs, beside those of its variant and never in their place.

All that was ever asked for is settled together, so that what is there fits together; it is put into a directory of its
own, tried, and only then used. What goes wrong on the way leaves what was there before.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Protocol

from qntx.engine.overlay import Generation, Overlay, State
from qntx.engine.requirements import Requirement, normalised
from qntx.errors import NotFound, Refused

_NOT_TRIED = frozenset({"test", "tests", "doc", "docs", "example", "examples", "benchmarks"})

TryOut = Callable[[Generation, Sequence[str]], Awaitable[str]]
"""Imports modules from a generation in a process to throw away; says what went wrong, or nothing."""


class Installer(Protocol):
    """What uv does here."""

    async def settle(self, wanted: State, own: Mapping[str, str], preferred: Mapping[str, str]) -> dict[str, str]: ...

    async def unpack(self, folder: Path, versions: Mapping[str, str], hashes: Mapping[str, Sequence[str]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Change:
    """What an installation or a removal came to."""

    wheels: tuple[str, ...] = ()
    """Of what was asked for."""
    added: Mapping[str, str] | None = None
    """All that is new or of another version, with what was needed."""
    replaced: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    size_bytes: int = 0
    ahead: bool = False
    """Something now comes before the variant's own."""


class Packages:
    """The packages of one site directory."""

    def __init__(self, site: Path, installer: Installer, try_out: TryOut) -> None:
        self.overlay = Overlay(site)
        self._installer = installer
        self._try_out = try_out

    def installed(self) -> list[dict[str, object]]:
        """Everything in the site directory, what was asked for marked."""
        wanted = self.overlay.current.state().wanted
        found = self.overlay.current.distributions()
        return [
            {"name": each.metadata["Name"], "version": each.version, "requested": name in wanted}
            for name, each in sorted(found.items())
        ]

    async def install(self, asked: Sequence[Requirement], *, force: bool = False) -> Change:
        """Have these too. Raises Refused where that cannot be, with the reason."""
        async with self.overlay.locked():
            before = self.overlay.current.state()
            wanted = {**before.wanted, **{each.name: each for each in asked}}
            state = replace(before, wanted=wanted)
            return await self._become(state, [each.name for each in asked], force=force)

    async def remove(self, names: Sequence[str]) -> Change:
        """Have these no longer, nor what only they needed."""
        async with self.overlay.locked():
            before = self.overlay.current.state()
            for name in names:
                self._check_removable(name, before)
            wanted = {name: each for name, each in before.wanted.items() if name not in names}
            return await self._become(replace(before, wanted=wanted), [], force=False)

    def _check_removable(self, name: str, state: State) -> None:
        if name in state.wanted:
            return
        if name in state.versions and name in self.overlay.current.distributions():
            raise Refused(f"{name} is there because something else needs it; remove that")
        if name in own_packages():
            raise Refused(f"{name} belongs to the variant and cannot be removed while the plugin runs")
        raise NotFound(f"{name} is not installed")

    async def _become(self, state: State, asked: Sequence[str], *, force: bool) -> Change:
        own = await asyncio.to_thread(own_packages)
        generation = self.overlay.begin()
        try:
            state = await self._settled(state, own, asked, force=force)
            await self._fill(generation, state, own)
            generation.write(state)
            change = await asyncio.to_thread(_change, self.overlay.current, generation, asked)
            await self._try(generation, change, asked)
        except BaseException:
            shutil.rmtree(generation.root, ignore_errors=True)
            raise
        self.overlay.adopt(generation)
        await asyncio.to_thread(self.overlay.remove_others)
        return change

    async def _settled(self, state: State, own: Mapping[str, str], asked: Sequence[str], *, force: bool) -> State:
        """The state with its versions. Unless forced, what the variant has stays as it is."""
        if not state.wanted:
            return State()
        held = {} if force else {name: version for name, version in own.items() if name not in state.freed}
        # What is asked for now may be newer than it was; everything else stays where that is possible.
        preferred = {name: version for name, version in {**own, **state.versions}.items() if name not in asked}
        try:
            versions = await self._installer.settle(state, held, preferred)
        except Refused as refusal:
            raise _explained(refusal, own, asked, force=force) from refusal
        freed = sorted(name for name, version in versions.items() if own.get(name, version) != version)
        return replace(state, versions=versions, freed=tuple(freed))

    async def _fill(self, generation: Generation, state: State, own: Mapping[str, str]) -> None:
        hashes = {name: each.hashes for name, each in state.wanted.items()}
        beside = {name: version for name, version in state.versions.items() if name not in own}
        ahead = {name: state.versions[name] for name in state.freed}
        await self._installer.unpack(generation.packages, beside, hashes)
        await self._installer.unpack(generation.ahead, ahead, hashes)

    async def _try(self, generation: Generation, change: Change, asked: Sequence[str]) -> None:
        found = generation.distributions()
        for name in change.added or {}:
            modules = await asyncio.to_thread(_modules, found[name])
            fault = await self._try_out(generation, modules) if modules else ""
            # What something else needs may import only where that prepares it; what was asked for must.
            if fault and (name in asked or fault.startswith("ended")):
                raise Refused(f"{name} {found[name].version} was not installed: {fault}")


def own_packages() -> dict[str, str]:
    """What the variant's environment holds, normalised name to version."""
    found: dict[str, str] = {}
    for each in metadata.distributions():
        if each.metadata["Name"]:
            found.setdefault(normalised(each.metadata["Name"]), each.version)
    return found


def _explained(refusal: Refused, own: Mapping[str, str], asked: Sequence[str], *, force: bool) -> Refused:
    concerned = [name for name in own if f"{name}==" in str(refusal)]
    if force or not concerned:
        return refusal
    listed = ", ".join(f"{name} {own[name]}" for name in sorted(concerned))
    return Refused(
        f"{refusal}\nThe variant brings {listed}, which is kept. `force` installs another beside it, first on the path."
    )


def _change(before: Generation, after: Generation, asked: Sequence[str]) -> Change:
    old = {name: each.version for name, each in before.distributions().items()}
    found = after.distributions()
    added = {name: each.version for name, each in sorted(found.items()) if old.get(name) != each.version}
    return Change(
        wheels=tuple(wheel_of(found[name]) for name in asked if name in found),
        added=added,
        replaced=tuple(f"{name}=={old[name]}" for name in added if name in old),
        removed=tuple(sorted(set(old) - set(found))),
        size_bytes=sum(_size(found[name]) for name in added),
        ahead=any(after.ahead.iterdir()) or any(before.ahead.iterdir()),
    )


def wheel_of(distribution: metadata.Distribution) -> str:
    """The name of the wheel it came from."""
    lines = (distribution.read_text("WHEEL") or "").splitlines()
    tags = [line.partition(":")[2].strip().split("-") for line in lines if line.startswith("Tag:")]
    tag = "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*tags, strict=True)) or "py3-none-any"
    name = normalised(distribution.metadata["Name"]).replace("-", "_")
    return f"{name}-{distribution.version}-{tag}.whl"


def _size(distribution: metadata.Distribution) -> int:
    paths = [Path(str(distribution.locate_file(file))) for file in distribution.files or ()]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _modules(distribution: metadata.Distribution) -> list[str]:
    """What `import` finds of it at the top."""
    tops = {file.parts[0] for file in distribution.files or () if file.suffix in (".py", ".so")}
    names = {top.partition(".")[0] for top in tops}
    return sorted(name for name in names if name.isidentifier() and name[0] != "_" and name not in _NOT_TRIED)
