"""Mounting the audit trail onto a FastAPI application."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from qntx.capsules.audit import Capsules
from qntx.errors import CapsuleError

if TYPE_CHECKING:
    from fastapi import FastAPI

ROUTES = "qntx.capsules.routes"


def mount_capsules(app: FastAPI, capsules: Capsules, prefix: str = "/api/v1/capsules") -> None:
    """Add the read-only routes. Who may call them is the application's to decide."""
    try:
        routes = importlib.import_module(ROUTES)
    except ModuleNotFoundError as missing:
        if missing.name != "fastapi":
            raise
        raise CapsuleError("mounting capsules needs FastAPI: pip install fastapi") from missing
    app.include_router(routes.router(capsules), prefix=prefix)
