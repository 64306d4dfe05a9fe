"""Starts every plugin at once, and sees that none is left when the host stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from qntx.host.config import PluginSection
from qntx.host.home import Home
from qntx.host.plugins.discovery import Installed
from qntx.host.plugins.output import Output
from qntx.host.plugins.registry import Plugin, Registry
from qntx.host.plugins.supervisor import Supervisor
from qntx.protocol import domain_pb2


class Manager:
    """An async context manager: entered, the plugins are being started; left, they are gone."""

    def __init__(
        self,
        installed: Sequence[Installed],
        registry: Registry,
        home: Home,
        request: Callable[[str], domain_pb2.InitializeRequest],
        section: PluginSection,
    ) -> None:
        self._supervisors: Mapping[str, Supervisor] = {
            one.name: self._supervisor(one, registry, home, request, section) for one in installed
        }
        self._registry = registry
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(supervisor.run(), name=f"plugin {name}")
            for name, supervisor in self._supervisors.items()
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        for plugin in self._registry:
            plugin.output.close()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def restart(self, name: str) -> None:
        """Raises NotFound. Returns at once; the plugin's state tells how it goes."""
        self._registry.get(name)
        self._supervisors[name].restart()

    async def reinitialize(self, name: str) -> None:
        """Hand a running plugin its configuration again."""
        self._registry.get(name)
        await self._supervisors[name].reinitialize()

    def _supervisor(
        self,
        installed: Installed,
        registry: Registry,
        home: Home,
        request: Callable[[str], domain_pb2.InitializeRequest],
        section: PluginSection,
    ) -> Supervisor:
        name = installed.name
        plugin = Plugin(name, Output(name, home.logs / f"{name}.log"))
        registry.add(plugin)
        return Supervisor(plugin, installed, registry, lambda: request(name), section)
