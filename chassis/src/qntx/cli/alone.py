"""Without a host: a script in the one plugin it needs, for as long as it takes, and claims straight into the store.

A module of its own, imported when there is no host: it brings all of one with it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from qntx.errors import HostUnavailable
from qntx.host import config as configuration
from qntx.host import logs, stores
from qntx.host.app import Host
from qntx.host.executor import Script
from qntx.host.home import Home
from qntx.host.plugins.discovery import discover, search_paths
from qntx.host.plugins.router import route
from qntx.host.store.node_key import NodeKey
from qntx.model.attestation import Attestation, Draft
from qntx.model.execution import Mode, Trigger


def run(body: Mapping[str, Any], mode: Mode, show: Callable[[str, Any], None]) -> None:
    """Run what the host would be asked for in those fields, and show each event as the host would send it."""
    logs.configure("error")
    script = Script(
        code=body["code"],
        glyph=body["glyph"],
        mode=mode,
        session_id=body["session_id"],
        upstream=body["upstream"],
        timeout_seconds=body["timeout_secs"],
        trigger=Trigger("cli"),
    )
    asyncio.run(_run(script, show))


def attest(draft: Draft) -> Attestation:
    """Keep it where the host that starts next finds it."""
    return asyncio.run(_attest(draft))


async def _attest(draft: Draft) -> Attestation:
    home = Home.find()
    home.create()
    database = configuration.load(home).host.database
    node = NodeKey.load(home.keys / "node.key")
    async with stores.opened(database, home, ()) as kept, kept.attestations(node) as store:
        return await store.add(draft)


async def _run(script: Script, show: Callable[[str, Any], None]) -> None:
    home = Home.find()
    config = configuration.load(home)
    attached = [name for name, section in config.of_plugins.items() if "address" in section]
    found = discover(config.plugin, search_paths(config.plugin, home, Path.cwd()), attached)
    installed = [*(one.name for one in found), *attached]
    if not installed:
        raise HostUnavailable(
            "no host is running here and no plugin is installed: `qntx variant sync` builds them, then `qntx up`"
        )
    needed = route(script.glyph, installed, config.host.default_provider)
    only = {name: section for name, section in config.of_plugins.items() if name == needed}
    config = replace(config, plugin=msgspec.structs.replace(config.plugin, enabled=[needed]), of_plugins=only)
    async with Host(config, home, serve=False) as host:
        await host.registry.settled()
        async with aclosing(host.executor.stream(script)) as events:
            async for kind, data in events:
                show(kind, json.loads(msgspec.json.encode(data)))
