"""The host over HTTP: every resource's routes, behind one guard, failing in one shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware

from qntx import __version__
from qntx.host.api import errors
from qntx.host.api.guard import Guard
from qntx.host.config import HostSection

METHODS = ("get", "put", "post", "delete", "patch")


def create(section: HostSection, routers: Sequence[APIRouter]) -> FastAPI:
    """The application. Routers come in order: the first whose path matches answers."""
    # No pages of documentation: theirs load scripts from elsewhere.
    app = FastAPI(title="QNTX host", version=__version__, docs_url=None, redoc_url=None)
    errors.install(app)
    for router in routers:
        app.include_router(router)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    if section.allowed_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=section.allowed_origins, allow_methods=["*"], allow_headers=["*"]
        )
    app.add_middleware(
        Guard,
        hosts=[section.address, *section.allowed_hosts],
        origins=section.allowed_origins,
        body_bytes_max=section.body_bytes_max,
    )
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, without the 422 that FastAPI adds and this host never answers."""
    if app.openapi_schema is None:
        document = FastAPI.openapi(app)
        for operations in document["paths"].values():
            for method in METHODS:
                operations.get(method, {}).get("responses", {}).pop("422", None)
        for unused in ("HTTPValidationError", "ValidationError"):
            document.get("components", {}).get("schemas", {}).pop(unused, None)
        app.openapi_schema = document
    return app.openapi_schema
