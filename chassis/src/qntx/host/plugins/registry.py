"""The plugins of this host: what each is doing now, and how to call it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from qntx.errors import NotFound, PluginUnavailable
from qntx.host.plugins.client import PluginClient
from qntx.host.plugins.output import Output
from qntx.host.plugins.replica import Replica
from qntx.model.nearest import meant
from qntx.protocol import domain_pb2


class State(Enum):
    """As `/api/plugins` names them."""

    LOADING = "loading"
    RUNNING = "running"
    FAILED = "failed"
    RESTARTING = "restarting"
    STOPPED = "stopped"


@dataclass(slots=True)
class Plugin:
    """One plugin. Its supervisor writes here, everybody else reads."""

    name: str
    output: Output
    state: State = State.LOADING
    message: str = ""
    """Why it is in this state; while it runs, what its Health says."""
    client: PluginClient | None = None
    address: str = ""
    """Where it is, if this host did not start it; as the configuration says it."""
    replicas: Sequence[Replica] = ()
    """Its processes, if this host did not start it."""
    pid: int = 0
    restarts: int = 0
    healthy: bool = False
    details: dict[str, str] = field(default_factory=dict)
    metadata: domain_pb2.MetadataResponse = field(default_factory=domain_pb2.MetadataResponse)
    announced: domain_pb2.InitializeResponse | None = None
    """What it offers; known once it has been initialised, and kept while it restarts."""

    @property
    def python_provider(self) -> bool:
        """Whether glyphs may be sent to it. One that has not said yet is given the benefit of the doubt."""
        return self.announced is None or self.announced.python_provider

    def reached(self) -> PluginClient:
        """Its client. Raises PluginUnavailable at once, with the reason, where it is not running."""
        if self.client is not None and self.state is State.RUNNING:
            return self.client
        reason = f": {self.message}" if self.message else ""
        match self.state:
            case State.LOADING:
                fault = "still loading, please retry"
            case State.FAILED:
                fault = f"it failed to start{reason}"
            case State.STOPPED:
                fault = f"stopped{reason}"
            case _:
                fault = f"restarting{reason}"
        raise PluginUnavailable(f"plugin {self.name!r} is unavailable, {fault}")


class Registry:
    """Every plugin by name, in the order they were added."""

    def __init__(self) -> None:
        self._plugins: dict[str, Plugin] = {}
        self._changed = asyncio.Condition()
        self._changes = 0

    def __iter__(self) -> Iterator[Plugin]:
        return iter(self._plugins.values())

    def add(self, plugin: Plugin) -> None:
        self._plugins[plugin.name] = plugin

    def get(self, name: str) -> Plugin:
        """Raises NotFound, with the name that was probably meant."""
        try:
            return self._plugins[name]
        except KeyError:
            raise NotFound(f"no plugin is named {name!r}; {meant(name, self._plugins)}") from None

    def providers(self) -> list[str]:
        """Who runs Python glyphs, whether up at the moment or not."""
        return [plugin.name for plugin in self if plugin.python_provider]

    async def tell(self) -> None:
        """A plugin's state has changed: wake whoever waits for that."""
        async with self._changed:
            self._changes += 1
            self._changed.notify_all()

    async def changed(self, seen: int) -> int:
        """Wait until more than so many changes have been told; returns how many there are by then."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._changes > seen)
        return self._changes

    async def settled(self) -> None:
        """Wait until no plugin is in its first start any more."""
        async with self._changed:
            await self._changed.wait_for(lambda: all(plugin.state is not State.LOADING for plugin in self))
