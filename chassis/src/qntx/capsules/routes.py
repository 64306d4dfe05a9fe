"""The audit trail over HTTP, read-only."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import PlainTextResponse
from qp_capsule.capsule import CapsuleType, to_stored_sealed_dict

from qntx.capsules.audit import Capsules
from qntx.capsules.verify import Level
from qntx.errors import ChainError, NotFound, StorageError

Answer = TypeVar("Answer")

Limit = Annotated[int, Query(ge=1, le=100)]
Offset = Annotated[int, Query(ge=0, le=2**62)]
Tenant = Annotated[str | None, Query()]
Size = Annotated[int | None, Query(ge=1, le=2**62)]


def router(capsules: Capsules) -> APIRouter:
    """One object's routes; the caller mounts them where it likes."""
    routes = APIRouter(tags=["capsules"])

    @routes.get("/")
    async def list_capsules(
        limit: Limit = 20, offset: Offset = 0, type: CapsuleType | None = None, tenant_id: Tenant = None
    ) -> dict[str, Any]:
        found = await _readable(capsules.storage.list(limit, offset, type, tenant_id))
        total = await _readable(capsules.storage.count(type, tenant_id))
        sealed = [to_stored_sealed_dict(capsule) for capsule in found]
        return {"capsules": sealed, "total": total, "limit": limit, "offset": offset}

    @routes.get("/verify")
    async def verify_chain(
        tenant_id: Tenant = None, level: Level = Level.CONTENT, incremental: bool = True
    ) -> dict[str, Any]:
        result = await _readable(capsules.verify(tenant_id, level=level, incremental=incremental))
        return result.to_dict()

    @routes.get("/checkpoint", response_class=PlainTextResponse)
    async def checkpoint(tenant_id: Tenant = None) -> str:
        return await _stated(capsules.chain.checkpoint(tenant_id))

    @routes.get("/consistency")
    async def consistency(old: Annotated[int, Query(ge=1, le=2**62)], tenant_id: Tenant = None) -> dict[str, Any]:
        proof = await _stated(capsules.chain.consistency(old, tenant_id))
        return proof.to_dict()

    @routes.get("/{capsule_id}/proof")
    async def inclusion(capsule_id: str, size: Size = None, tenant_id: Tenant = None) -> dict[str, Any]:
        proof = await _stated(capsules.chain.inclusion(capsule_id, tenant_id, size=size))
        return proof.to_dict()

    @routes.get("/{capsule_id}")
    async def get_capsule(capsule_id: str, tenant_id: Tenant = None) -> dict[str, Any]:
        capsule = await _readable(capsules.storage.get(capsule_id, tenant_id))
        if capsule is None:
            raise HTTPException(status_code=404, detail="Capsule not found")
        return to_stored_sealed_dict(capsule)

    return routes


async def _readable(answer: Awaitable[Answer]) -> Answer:
    try:
        return await answer
    except StorageError as error:
        # A tampered row must not take the trail down with it: say which one, `verify` says why.
        raise HTTPException(status_code=500, detail=str(error)) from error


async def _stated(answer: Awaitable[Answer]) -> Answer:
    try:
        return await _readable(answer)
    except NotFound as error:
        raise HTTPException(status_code=404, detail=str(error)) from error
    except ChainError as error:
        raise HTTPException(status_code=409, detail=str(error)) from error
