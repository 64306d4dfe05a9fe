"""The audit trail: what ran, its proofs and its verification, under `/api/v1/capsules`."""

from __future__ import annotations

from fastapi import APIRouter

from qntx.capsules import Capsules, routes

PREFIX = "/api/v1/capsules"


def router(trail: Capsules) -> APIRouter:
    mounted = APIRouter(prefix=PREFIX)
    mounted.include_router(routes.router(trail))
    return mounted
