"""Is the host well? `/health`, for people, scripts and service managers."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from qntx import __version__
from qntx.host.plugins.registry import Registry, State


class Health(BaseModel):
    status: Literal["ok", "degraded"] = Field(description="degraded: a plugin is not running, or not well.")
    version: str
    plugins: dict[str, State]


def router(registry: Registry) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get("/health")
    async def health() -> Health:
        well = all(plugin.state is State.RUNNING and plugin.healthy for plugin in registry)
        return Health(
            status="ok" if well else "degraded",
            version=__version__,
            plugins={plugin.name: plugin.state for plugin in registry},
        )

    return routes
