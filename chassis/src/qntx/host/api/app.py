"""The host over HTTP: every resource's routes, behind one guard, failing in one shape."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware

from qntx import __version__
from qntx.host.access.door import Door
from qntx.host.access.roles import needed
from qntx.host.api import errors
from qntx.host.api.access import Access
from qntx.host.api.bodies import Bodies
from qntx.host.api.guard import Guard
from qntx.host.api.traces import Traces
from qntx.host.config import HostSection

METHODS = frozenset({"get", "put", "post", "delete", "patch"})


def create(section: HostSection, routers: Sequence[APIRouter], door: Door | None = None) -> FastAPI:
    """The application. Routers come in order: the first whose path matches answers. Without a door it is open."""
    door = door or Door()
    # No pages of documentation: theirs load scripts from elsewhere.
    app = FastAPI(title="QNTX host", version=__version__, docs_url=None, redoc_url=None)
    errors.install(app)
    for router in routers:
        app.include_router(router)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    # What is added last comes first.
    app.add_middleware(Traces)
    app.add_middleware(Bodies, body_bytes_max=section.body_bytes_max)
    app.add_middleware(Access, door=door)
    if section.allowed_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=section.allowed_origins, allow_methods=["*"], allow_headers=["*"]
        )
    app.add_middleware(
        Guard,
        hosts=[section.address, *([socket.gethostname()] if door.demanded else []), *section.allowed_hosts],
        origins=section.allowed_origins,
        any_address=door.demanded,
    )
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, without the 422 that FastAPI adds and this host never answers, with roles."""
    if app.openapi_schema is None:
        document = FastAPI.openapi(app)
        for path, operations in document["paths"].items():
            for method in METHODS & operations.keys():
                operations[method]["responses"].pop("422", None)
                role = needed(method.upper(), path)
                operations[method]["x-role"] = role.word if role else "open"
        for unused in ("HTTPValidationError", "ValidationError"):
            document.get("components", {}).get("schemas", {}).pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema
