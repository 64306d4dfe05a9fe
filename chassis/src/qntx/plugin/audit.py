"""Nothing runs unseen: every run is noted before its code starts, and its record is closed when it ended.

All of it happens here, in the plugin's process, which outlives whatever the code does to its own. A run that cannot be
noted does not start.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from qntx.engine.api import Event
from qntx.errors import CapsuleError, PluginUnavailable, Refused, StorageError
from qntx.model.execution import Execution, Result
from qntx.model.variant import Variant
from qntx.plugin.inventory import Inventory

TRAIL = "qntx.plugin.trail"
DURABLE = ("process", "power")
"""What notes of runs may be told to outlast. Of the first, the default, nobody has to be told."""
HOME_VARIABLE, HOME_DEFAULT = "QNTX_HOME", "~/.qntx"

OnEvent = Callable[[Event], None]


class Entry(Protocol):
    """One run's record."""

    @property
    def id(self) -> str: ...

    def ended(self, result: Result, calls_home: int) -> None: ...

    def lost(self, why: str) -> None: ...


class Trail(Protocol):
    """Where records go."""

    def begin(self, execution: Execution, environment: Mapping[str, Any], sandbox: str) -> Entry: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class SealingHost:
    """The host's services, and the token for them."""

    endpoint: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a machine's audit trail is, and the name it gives this node."""

    file: Path
    node: str = ""
    by_host: bool = False
    """The host seals; the file is the folder where what was started is noted."""
    durable: str = DURABLE[0]

    @classmethod
    def default(cls) -> Place:
        """Where the host keeps it, so that a plugin without one leaves its records in the same chain."""
        home = Path(os.environ.get(HOME_VARIABLE) or HOME_DEFAULT).expanduser().absolute()
        return cls(home / "capsules.db")

    @property
    def key(self) -> Path:
        return self.file.parent / "keys" / "key"

    def open(self, host: SealingHost | None) -> Trail:
        if self.by_host and host is None:
            raise StorageError("records are to be sealed by a host, and none has initialised this plugin")
        trail: Trail = importlib.import_module(TRAIL).Trail(
            self.file, self.key, host if self.by_host else None, durable=self.durable
        )
        return trail


class Audit:
    """Records the runs of one plugin. Its trail is opened when it is first needed."""

    def __init__(self, variant: Variant, place: Place | None = None) -> None:
        self._about = {"plugin": variant.name, "plugin_version": variant.version}
        self._inventory = Inventory(variant)
        self._place = place or Place.default()
        self._host: SealingHost | None = None
        self._trails: dict[tuple[Path, str], asyncio.Task[Trail]] = {}
        self._environment: tuple[Mapping[str, Any], str, Mapping[str, Any]] = ({}, "", {})

    def move(self, place: Place) -> None:
        """Record there from now on. Runs under way end where they began."""
        self._place = place

    def met(self, host: SealingHost) -> None:
        """The host whose runs these are."""
        self._host = host

    def installed(self) -> None:
        """What scripts may import has changed; records say so from now on."""
        self._inventory.changed()

    def open(self) -> None:
        """Open the trail, and seal what dead processes left, before the first run asks for it."""
        self._opening(self._place)

    async def recording(self, execution: Execution, path: tuple[str, ...], calls_home: Callable[[], int]) -> Recording:
        """What the run is to be recorded with. Refused or Unavailable where it must not start."""
        place = self._place
        _check_out_of_reach(place, execution.limits.readable_paths)
        try:
            trail = await asyncio.shield(self._opening(place))
        except CapsuleError as fault:
            raise _unrecorded(fault) from fault
        environment = self._around(await self._inventory.now(path), place.node)
        return Recording(trail, execution, environment, calls_home)

    def describe(self) -> str:
        """Where records go, or why they cannot."""
        opening = self._trails.get((self._place.file, self._place.durable))
        fault = opening.exception() if opening is not None and opening.done() else None
        return f"{self._place.file}: {fault}" if fault is not None else str(self._place.file)

    async def aclose(self) -> None:
        opened = await asyncio.gather(*self._trails.values(), return_exceptions=True)
        for trail in opened:
            if not isinstance(trail, BaseException):
                await trail.aclose()

    def _around(self, inventory: Mapping[str, Any], node: str) -> Mapping[str, Any]:
        """What is the same for one run after another, as one and the same mapping."""
        of, at, environment = self._environment
        if of is not inventory or at != node:
            environment = {**self._about, **inventory, "node": node or socket.gethostname()}
            self._environment = (inventory, node, environment)
        return environment

    def _opening(self, place: Place) -> asyncio.Task[Trail]:
        """The trail there, or its opening; tried again where it failed."""
        asked = (place.file, place.durable)
        known = self._trails.get(asked)
        if known is None or (known.done() and known.exception() is not None):
            known = self._trails[asked] = asyncio.create_task(asyncio.to_thread(place.open, self._host))
        return known


class Recording:
    """One run on its way into the trail. Left without a result, it is recorded as lost."""

    def __init__(
        self, trail: Trail, execution: Execution, environment: Mapping[str, Any], calls_home: Callable[[], int]
    ) -> None:
        self._trail = trail
        self._execution = execution
        self._environment = environment
        self._calls_home = calls_home
        self._entry: Entry | None = None
        self._result: Result | None = None

    def listening(self, on_event: OnEvent | None) -> OnEvent:
        """For the engine: `started` comes before the code does, and `end` tells the capsule's id."""

        def heard(event: Event) -> None:
            if event.kind == "started":
                self._begin(event.data["sandbox"])
            elif event.kind == "end":
                event = replace(event, data=self.ended(event.data))
            if on_event is not None:
                on_event(event)

        return heard

    def ended(self, result: Result) -> Result:
        """The result, with its record's id. A run that was stopped before it began has a record too."""
        if self._result is None:
            entry = self._entry or self._begin("")
            entry.ended(result, self._calls_home())
            self._result = replace(result, capsule_id=entry.id)
        return self._result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._entry is None or self._result is not None:
            return
        gone = isinstance(error, asyncio.CancelledError)
        self._entry.lost("stopped: whoever asked for it is gone" if gone else f"{type(error).__name__}: {error}")

    def _begin(self, sandbox: str) -> Entry:
        try:
            self._entry = self._trail.begin(self._execution, self._environment, sandbox)
        except CapsuleError as fault:
            raise _unrecorded(fault) from fault
        return self._entry


def _unrecorded(fault: CapsuleError) -> PluginUnavailable:
    return PluginUnavailable(f"not run, because it could not be recorded: {fault}")


def _check_out_of_reach(place: Place, readable_paths: tuple[str, ...]) -> None:
    if readable_paths and (reachable := _reachable(place, readable_paths)):
        raise Refused(
            f"not run, because scripts may read {reachable}, and the audit trail or its key is in it ({place.file}): "
            "let them read less, or set `capsules` to a file elsewhere"
        )


@lru_cache(maxsize=256)
def _reachable(place: Place, readable_paths: tuple[str, ...]) -> str:
    """The first of these paths that holds the trail or its key; empty where none does."""
    kept = (place.file.resolve(), place.key.resolve())
    for path in readable_paths:
        if any(each.is_relative_to(Path(path).resolve()) for each in kept):
            return path
    return ""
