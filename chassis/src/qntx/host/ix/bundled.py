"""The ingest scripts that the running plugins brought along."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
import structlog

from qntx.errors import ChassisError
from qntx.host.plugins.registry import Plugin, Registry, State
from qntx.host.plugins.router import glyph_of
from qntx.model.ingest import IngestScript
from qntx.protocol import domain_pb2

PATH = "/ingest-scripts"
START_SECONDS_MAX = 15.0

log = structlog.get_logger("qntx.host.ix")


class _Brought(msgspec.Struct):
    name: str
    code: str
    description: str = ""
    needs: list[str] = msgspec.field(default_factory=list)


_decode = msgspec.json.Decoder(list[_Brought]).decode


class Bundled:
    """Asks each plugin once for each of its starts."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[tuple[str, int], list[IngestScript]] = {}

    async def __call__(self) -> list[IngestScript]:
        """Of all running plugins; where two bring one of the same name, the first plugin's."""
        # A plugin that is still starting has its scripts all the same.
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS_MAX):
                await self._registry.settled()
        scripts: dict[str, IngestScript] = {}
        for plugin in self._registry:
            if plugin.state is State.RUNNING and plugin.python_provider:
                for script in await self._of(plugin):
                    scripts.setdefault(script.name, script)
        return list(scripts.values())

    async def _of(self, plugin: Plugin) -> list[IngestScript]:
        key = (plugin.name, plugin.pid)
        if key not in self._known:
            try:
                answer = await plugin.reached().handle_http(domain_pb2.HTTPRequest(method="GET", path=PATH))
                found = _decode(answer.body) if answer.status_code == 200 else []
            except (ChassisError, msgspec.MsgspecError) as fault:
                log.warning("a plugin's ingest scripts could not be read", plugin=plugin.name, reason=str(fault))
                return []
            self._known[key] = [
                IngestScript(
                    one.name,
                    one.code,
                    0,
                    glyph=glyph_of(plugin.name),
                    created_by=f"variant {plugin.name}",
                    description=one.description,
                    needs=tuple(one.needs),
                )
                for one in found
            ]
        return self._known[key]
