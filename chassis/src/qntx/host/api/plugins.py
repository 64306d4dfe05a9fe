"""The plugins: what each is doing, what it offers, what it says, its configuration; and starting one anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, RootModel

from qntx.errors import ChassisError
from qntx.host.api.errors import RESPONSES
from qntx.host.plugins.configuring import Configuring
from qntx.host.plugins.manager import Manager
from qntx.host.plugins.memory import measured
from qntx.host.plugins.output import Output
from qntx.host.plugins.registry import Plugin, Registry, State
from qntx.host.plugins.replica import ReplicaState
from qntx.protocol import domain_pb2

EVENT_STREAM = "text/event-stream"


class ReplicaInfo(BaseModel):
    """One process of a plugin that this host did not start."""

    address: str
    state: ReplicaState
    healthy: bool
    message: str = Field(description="Why it is in this state; while it runs, what its Health says.")
    version: str


class PluginInfo(BaseModel):
    """One plugin as it is now."""

    name: str
    version: str
    qntx_version: str
    description: str
    author: str
    license: str
    healthy: bool
    message: str = Field(description="Why it is in this state; while it runs, what its Health says.")
    details: dict[str, str]
    state: State
    pausable: bool = False
    pid: int = Field(description="Its process; 0 where it has none.")
    restarts: int = Field(description="How often it was started again since the host started.")
    python_provider: bool
    address: str = Field(description="Where it was attached; empty where this host started it.")
    replicas: list[ReplicaInfo] = Field(description="Its processes, where it was attached.")


class PluginList(BaseModel):
    plugins: list[PluginInfo]


class LogLine(BaseModel):
    timestamp: str
    level: str
    line: str
    source: str


class LogLines(BaseModel):
    lines: list[LogLine]


class MemoryInfo(BaseModel):
    """What a plugin takes: pages that its processes share are counted once."""

    memory_bytes: int
    processes: int


class Restarting(BaseModel):
    name: str
    state: State


class Joined(BaseModel):
    """The replicas that joined in the database that hosts share, and have not left."""

    name: str
    addresses: list[str]


class ConfigField(BaseModel):
    """A configuration key that the plugin knows, and what it is set to."""

    type: str
    description: str
    default_value: str
    required: bool
    min_value: str
    max_value: str
    pattern: str
    element_type: str
    value: str | None = Field(description="What it is set to; null where it is not.")


class PluginConfig(BaseModel):
    plugin: str
    fields: dict[str, ConfigField]


class Settings(RootModel[dict[str, str | int | float | bool]]):
    """Keys and their new values. Keys that are not named stay as they are."""


def router(registry: Registry, manager: Manager, configuring: Configuring) -> APIRouter:
    routes = APIRouter(prefix="/api/plugins", tags=["plugins"], responses=RESPONSES)

    @routes.get("")
    async def plugins() -> PluginList:
        """Every plugin of this host."""
        return PluginList(plugins=[_info(plugin) for plugin in registry])

    @routes.get("/glyphs")
    async def glyphs() -> list[dict[str, Any]]:
        """The kinds of glyph that the running plugins bring."""
        running = [plugin for plugin in registry if plugin.client is not None]
        each = await asyncio.gather(*(_glyphs(plugin) for plugin in running))
        return [glyph for glyphs in each for glyph in glyphs]

    @routes.get("/routes")
    async def offered() -> dict[str, list[dict[str, Any]]]:
        """What each plugin answers over HTTP, and what else it announced."""
        return {"routes": [_routes(plugin) for plugin in registry]}

    @routes.get("/{name}")
    async def plugin(name: str) -> PluginInfo:
        return _info(registry.get(name))

    @routes.get(
        "/{name}/logs",
        response_model=LogLines,
        responses={200: {"content": {EVENT_STREAM: {"schema": {"type": "string"}}}}},
    )
    async def logs(name: str, request: Request) -> Any:
        """Its last lines; with `Accept: text/event-stream`, each new one too as it comes."""
        output = registry.get(name).output
        if EVENT_STREAM in request.headers.get("accept", ""):
            return StreamingResponse(_lines(output), media_type=EVENT_STREAM, headers={"Cache-Control": "no-store"})
        return LogLines(lines=[LogLine(**asdict(line)) for line in output.lines()])

    @routes.get("/{name}/memory")
    async def memory(name: str) -> MemoryInfo:
        """What it takes now, with its workers; 0 where it runs on another machine."""
        return MemoryInfo(**asdict(await asyncio.to_thread(measured, registry.get(name).pid)))

    @routes.post("/{name}/restart", status_code=202)
    async def restart(name: str) -> Restarting:
        """Stop it and start it anew, unless it was attached. Answers at once; the plugin's state tells how it goes."""
        manager.restart(name)
        return Restarting(name=name, state=State.RESTARTING)

    @routes.get("/{name}/config")
    async def config(name: str) -> PluginConfig:
        """The keys it knows, and what they are set to."""
        schema, values = await configuring.read(name)
        return _config(name, schema, values)

    @routes.put("/{name}/config")
    async def configure(name: str, settings: Settings) -> PluginConfig:
        """Set keys, keep them for the next start, and initialise the plugin with them."""
        schema, values = await configuring.write(name, settings.root)
        return _config(name, schema, values)

    _members(routes, manager)
    return routes


def _members(routes: APIRouter, manager: Manager) -> None:
    """Replicas that join and leave."""

    @routes.put("/{name}/replicas/{address}")
    async def join(name: str, address: str) -> Joined:
        """Let every host that shares the database call the replica at HOST:PORT; one that joined already stays."""
        membership = manager.membership(name)
        await membership.join(name, address)
        return Joined(name=name, addresses=list(map(str, await membership.of(name))))

    @routes.delete("/{name}/replicas/{address}")
    async def leave(name: str, address: str) -> Joined:
        """Give that replica nothing more; what it has begun may end."""
        membership = manager.membership(name)
        await membership.leave(name, address)
        return Joined(name=name, addresses=list(map(str, await membership.of(name))))


def _info(plugin: Plugin) -> PluginInfo:
    metadata = plugin.metadata
    return PluginInfo(
        name=plugin.name,
        version=metadata.version,
        qntx_version=metadata.qntx_version,
        description=metadata.description,
        author=metadata.author,
        license=metadata.license,
        healthy=plugin.healthy,
        message=plugin.message,
        details=plugin.details,
        state=plugin.state,
        pid=plugin.pid,
        restarts=plugin.restarts,
        python_provider=plugin.announced is not None and plugin.announced.python_provider,
        address=plugin.address,
        replicas=[
            ReplicaInfo(
                address=str(replica.address),
                state=replica.state,
                healthy=replica.healthy,
                message=replica.message,
                version=replica.metadata.version,
            )
            for replica in plugin.replicas
        ],
    )


async def _glyphs(plugin: Plugin) -> list[dict[str, Any]]:
    try:
        definitions = await plugin.reached().glyphs()
    except ChassisError:  # it went away meanwhile, and contributes none
        return []
    return [_glyph(plugin.name, definition) for definition in definitions]


def _glyph(plugin: str, definition: domain_pb2.GlyphDef) -> dict[str, Any]:
    def url(path: str) -> str:
        return f"/api/{plugin}{path}" if path else ""

    optional = {
        "css_url": url(definition.css_path),
        "module_url": url(definition.module_path),
        "default_width": definition.default_width,
        "default_height": definition.default_height,
    }
    return {
        "plugin": plugin,
        "symbol": definition.symbol,
        "title": definition.title,
        "label": definition.label,
        "content_url": url(definition.content_path),
    } | {name: value for name, value in optional.items() if value}


def _routes(plugin: Plugin) -> dict[str, Any]:
    announced = plugin.announced or domain_pb2.InitializeResponse()
    return {
        "name": plugin.name,
        "http": f"/api/{plugin.name}/",
        "roles": ["python-provider"] if announced.python_provider else [],
        "handlers": list(announced.handler_names),
        "schedules": len(announced.schedules),
        "watchers": len(announced.watchers),
        "endpoints": [
            {"method": route.method, "path": f"/api/{plugin.name}{route.path}", "description": route.description}
            for route in announced.http_routes
        ],
    }


def _config(name: str, schema: dict[str, domain_pb2.ConfigFieldSchema], values: dict[str, str]) -> PluginConfig:
    fields = {
        key: ConfigField(
            type=field.type,
            description=field.description,
            default_value=field.default_value,
            required=field.required,
            min_value=field.min_value,
            max_value=field.max_value,
            pattern=field.pattern,
            element_type=field.element_type,
            value=values.get(key),
        )
        for key, field in schema.items()
    }
    return PluginConfig(plugin=name, fields=fields)


async def _lines(output: Output) -> AsyncGenerator[bytes, None]:
    async with aclosing(output.follow()) as lines:
        async for line in lines:
            yield b"data: " + msgspec.json.encode(line) + b"\n\n"
