"""CapsuleService: seals the records of plugins into the audit trail that this host shares with others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any

import grpc
import grpc.aio

from qntx.capsules import Capsule, Capsules, canonical
from qntx.capsules.canonical import HOLE
from qntx.capsules.capsule import RUN, filed
from qntx.capsules.record import Draft, Record
from qntx.errors import InvalidRequest, NotPermitted
from qntx.host.services.auth import check_token
from qntx.protocol import capsules_pb2 as pb
from qntx.wire.services import add_service

OPEN = json.dumps(HOLE)


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
        appended = [self._appended(draft) for draft in request.drafts]
        return pb.SealResponse(sealed=map(_told, await asyncio.gather(*appended, return_exceptions=True)))

    def _appended(self, told: pb.CapsuleDraft) -> Awaitable[Record]:
        chain = self._capsules.chain
        try:
            draft = _draft(told)
        except InvalidRequest as refusal:
            return _refused(refusal)
        return asyncio.wrap_future(chain.storage.append(draft, chain.seal, _given(told, "tenant_id")))


def _draft(told: pb.CapsuleDraft) -> Draft:
    """What is sealed can be read, is what it is filed as, and is open where the chain writes and nowhere else.

    The chain is everybody's, and one record in it that is no capsule would break it for all.
    """
    given = Draft(told.id, told.type, told.domain, _given(told, "session_id"), tuple(told.pieces), told.failed)
    try:
        document = canonical.decode(canonical.join(given.pieces, (OPEN,) * (len(given.pieces) - 1)).decode())
        Capsule.from_dict(document)
        made = _filed(document)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as fault:
        raise InvalidRequest("pieces", f"they are not those of a capsule: {type(fault).__name__}: {fault}") from fault
    for name, ours, theirs in zip(Draft._fields, made, given, strict=True):
        if ours != theirs:
            raise InvalidRequest(name, "is not what the capsule says of itself")
    return made


def _filed(document: dict[str, Any]) -> Draft:
    run = document["context"]["environment"].get(RUN)
    counted = isinstance(run, dict)
    pieces = canonical.cut(document)
    holes = [document["previous_hash"], document["sequence"], *([run["counts"]] if counted else [])]
    if holes != [HOLE] * (len(pieces) - 1):
        raise ValueError("it is open where the chain does not write")
    return filed(document, pieces)


async def _refused(refusal: InvalidRequest) -> Record:
    raise refusal


def _given(told: pb.CapsuleDraft, name: str) -> str | None:
    return getattr(told, name) if told.HasField(name) else None


def _told(result: Record | BaseException) -> pb.SealedCapsule:
    if isinstance(result, BaseException):
        return pb.SealedCapsule(error=str(result) or type(result).__name__)
    return pb.SealedCapsule(record_json=json.dumps(result).encode())
