"""CapsuleService: seals the records of plugins into the audit trail that this host shares with others."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import grpc.aio

from qntx.capsules import Capsules
from qntx.capsules.record import Draft, Record
from qntx.errors import NotPermitted
from qntx.host.services.auth import check_token
from qntx.protocol import capsules_pb2 as pb
from qntx.wire.services import add_service


def serve(server: grpc.aio.Server, capsules: Capsules, token: str) -> None:
    add_service(server, pb.DESCRIPTOR.services_by_name["CapsuleService"], CapsuleService(capsules, token))


class CapsuleService:
    def __init__(self, capsules: Capsules, token: str) -> None:
        self._capsules = capsules
        self._token = token

    async def Seal(self, request: pb.SealRequest, context: grpc.aio.ServicerContext[Any, Any]) -> pb.SealResponse:
        try:
            check_token(request.auth_token, self._token)
        except NotPermitted as refusal:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, str(refusal))
        chain = self._capsules.chain
        appended = [
            asyncio.wrap_future(chain.storage.append(_draft(draft), chain.seal, _given(draft, "tenant_id")))
            for draft in request.drafts
        ]
        return pb.SealResponse(sealed=map(_told, await asyncio.gather(*appended, return_exceptions=True)))


def _draft(told: pb.CapsuleDraft) -> Draft:
    return Draft(told.id, told.type, told.domain, _given(told, "session_id"), tuple(told.pieces), told.failed)


def _given(told: pb.CapsuleDraft, name: str) -> str | None:
    return getattr(told, name) if told.HasField(name) else None


def _told(result: Record | BaseException) -> pb.SealedCapsule:
    if isinstance(result, BaseException):
        return pb.SealedCapsule(error=str(result) or type(result).__name__)
    return pb.SealedCapsule(record_json=json.dumps(result).encode())
