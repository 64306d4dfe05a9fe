"""Starts every plugin at once, or attaches it, and sees that none that was started is left when the host stops."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from qntx.errors import Refused
from qntx.host.config import PluginSection
from qntx.host.home import Home
from qntx.host.plugins.attachment import Attachment
from qntx.host.plugins.discovery import Installed
from qntx.host.plugins.introducing import Introduction
from qntx.host.plugins.membership import Membership
from qntx.host.plugins.output import Output
from qntx.host.plugins.registry import Plugin, Registry
from qntx.host.plugins.remote import Remote
from qntx.host.plugins.supervisor import Supervisor


class Manager:
    """An async context manager: entered, the plugins are being started; left, they are gone."""

    def __init__(
        self,
        installed: Sequence[Installed],
        attached: Mapping[str, Remote],
        registry: Registry,
        home: Home,
        introduction: Introduction,
        section: PluginSection,
        membership: Membership | None = None,
    ) -> None:
        """`membership` is there where hosts share a database."""
        self._attached = attached
        self._membership = membership
        self._supervisors: Mapping[str, Supervisor | Attachment] = {
            one.name: self._supervisor(one, registry, home, introduction, section) for one in installed
        } | {
            name: self._attachment(name, remote, registry, home, introduction, section)
            for name, remote in attached.items()
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

    def membership(self, name: str) -> Membership:
        """Where a replica of that plugin joins and leaves. Raises NotFound, and Refused where none does."""
        self._registry.get(name)
        remote = self._attached.get(name)
        if self._membership is None or remote is None or not remote.in_database:
            now = "is started by this host" if remote is None else f"is attached at {remote}"
            raise Refused(
                f'replicas of {name!r} do not join: here it {now}. Set address = "database" under [{name}] of every '
                "host's am.toml, and start the hosts anew"
            )
        return self._membership

    def _supervisor(
        self,
        installed: Installed,
        registry: Registry,
        home: Home,
        introduction: Introduction,
        section: PluginSection,
    ) -> Supervisor:
        plugin = self._plugin(installed.name, registry, home)
        return Supervisor(plugin, installed, registry, lambda: introduction.request(installed.name, None), section)

    def _attachment(
        self,
        name: str,
        remote: Remote,
        registry: Registry,
        home: Home,
        introduction: Introduction,
        section: PluginSection,
    ) -> Attachment:
        plugin = self._plugin(name, registry, home)
        members = self._membership if remote.in_database else None
        return Attachment(
            plugin, remote, registry, partial(introduction.request, name), introduction.host, section, members
        )

    def _plugin(self, name: str, registry: Registry, home: Home) -> Plugin:
        plugin = Plugin(name, Output(name, home.logs / f"{name}.log"))
        registry.add(plugin)
        return plugin
