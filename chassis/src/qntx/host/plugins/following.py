"""Tells the rest of the host what plugins announce and how they fare."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

import structlog

from qntx.errors import ChassisError
from qntx.host.events import Hub
from qntx.host.plugins.registry import Plugin, Registry
from qntx.protocol import domain_pb2

log = structlog.get_logger("qntx.host.plugins")

Announced = Callable[[str, domain_pb2.InitializeResponse], Awaitable[None]]
"""Given a plugin's name and what it announced, each time it was initialised."""


class Following:
    """An async context manager: entered, it follows the registry."""

    def __init__(self, registry: Registry, hub: Hub, announced: Sequence[Announced]) -> None:
        self._registry = registry
        self._hub = hub
        self._announced = announced
        self._seen: dict[str, domain_pb2.InitializeResponse] = {}
        self._states: dict[str, tuple[str, str]] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow(), name="plugins' announcements")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        changes = 0
        while True:
            changes = await self._registry.changed(changes)
            for plugin in list(self._registry):
                self._tell_state(plugin)
                await self._pass_on(plugin)

    def _tell_state(self, plugin: Plugin) -> None:
        now = plugin.state.value, plugin.message
        if self._states.get(plugin.name) != now:
            self._states[plugin.name] = now
            self._hub.publish("plugin", name=plugin.name, state=now[0], message=now[1], restarts=plugin.restarts)

    async def _pass_on(self, plugin: Plugin) -> None:
        announced = plugin.announced
        if announced is None or self._seen.get(plugin.name) is announced:
            return
        self._seen[plugin.name] = announced
        for told in self._announced:
            try:
                await told(plugin.name, announced)
            except ChassisError as error:
                log.error("what a plugin announced could not be taken up", plugin=plugin.name, reason=str(error))
