"""The attestation store as plugins reach it: QNTX's ATSStoreService, and our own bulk intake beside it.

What cannot be done is `success = false` with a text, under gRPC status OK; only a stream, which has no such field, ends
with a status. Both services check the token of the message, in constant time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import grpc
import grpc.aio
import msgspec
from google.protobuf.message import Message

from qntx.errors import ChassisError, InvalidRequest, NotPermitted, Refused
from qntx.host.services.auth import check_token
from qntx.host.store.base import AttestationStore
from qntx.model.attestation import Draft, Filter
from qntx.protocol import atsstore_pb2 as pb
from qntx.protocol import runtime_pb2
from qntx.wire.attestation import (
    attestation_from_proto,
    attestation_to_proto,
    draft_from_proto,
    filter_from_proto,
)
from qntx.wire.services import add_service

Context = grpc.aio.ServicerContext[Any, Any]


class IncomingDraft(msgspec.Struct, forbid_unknown_fields=True):
    """One element of `drafts_json`."""

    subjects: list[str]
    predicates: list[str] | None = None
    contexts: list[str] | None = None
    actors: list[str] | None = None
    attributes: dict[str, Any] | None = None
    timestamp: int | None = None


_drafts = msgspec.json.Decoder(list[IncomingDraft]).decode


def serve(server: grpc.aio.Server, store: AttestationStore, token: str) -> None:
    """Offer both services on that server."""
    add_service(server, pb.DESCRIPTOR.services_by_name["ATSStoreService"], ATSStoreService(store, token))
    add_service(server, runtime_pb2.DESCRIPTOR.services_by_name["AttestationIntake"], AttestationIntake(store, token))


class ATSStoreService:
    def __init__(self, store: AttestationStore, token: str) -> None:
        self._store = store
        self._token = token

    async def CreateAttestation(
        self, request: pb.CreateAttestationRequest, context: Context
    ) -> pb.CreateAttestationResponse:
        try:
            check_token(request.auth_token, self._token)
            _require(request, "attestation")
            if not await self._store.put(attestation_from_proto(request.attestation)):
                raise Refused(f"attestation with ID {request.attestation.id} already exists")
        except ChassisError as error:
            return pb.CreateAttestationResponse(error=str(error))
        return pb.CreateAttestationResponse(success=True)

    async def AttestationExists(
        self, request: pb.AttestationExistsRequest, context: Context
    ) -> pb.AttestationExistsResponse:
        try:
            check_token(request.auth_token, self._token)
        except NotPermitted:
            return pb.AttestationExistsResponse()
        return pb.AttestationExistsResponse(exists=await self._store.get(request.id) is not None)

    async def GenerateAndCreateAttestation(
        self, request: pb.GenerateAttestationRequest, context: Context
    ) -> pb.GenerateAttestationResponse:
        try:
            check_token(request.auth_token, self._token)
            _require(request, "command")
            added = await self._store.add(draft_from_proto(request.command))
            return pb.GenerateAttestationResponse(success=True, attestation=attestation_to_proto(added))
        except ChassisError as error:
            return pb.GenerateAttestationResponse(error=str(error))

    async def BatchGenerateAndCreateAttestations(
        self, request: pb.BatchGenerateAttestationRequest, context: Context
    ) -> pb.BatchGenerateAttestationResponse:
        try:
            check_token(request.auth_token, self._token)
            added = await self._store.add_many([draft_from_proto(command) for command in request.commands])
        except ChassisError as error:
            return pb.BatchGenerateAttestationResponse(error=str(error))
        return pb.BatchGenerateAttestationResponse(success=True, created=len(added))

    async def GetAttestations(self, request: pb.GetAttestationsRequest, context: Context) -> pb.GetAttestationsResponse:
        try:
            wanted, limit = self._asked(request)
            found = await self._store.find(wanted, limit=limit)
            return pb.GetAttestationsResponse(success=True, attestations=map(attestation_to_proto, found))
        except ChassisError as error:
            return pb.GetAttestationsResponse(error=str(error))

    async def GetAttestationsStream(
        self, request: pb.GetAttestationsRequest, context: Context
    ) -> AsyncIterator[pb.Attestation]:
        try:
            wanted, limit = self._asked(request)
        except NotPermitted as error:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, str(error))
        except Refused as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        async for attestation in self._store.stream(wanted, limit=limit):
            yield attestation_to_proto(attestation)

    def _asked(self, request: pb.GetAttestationsRequest) -> tuple[Filter, int | None]:
        check_token(request.auth_token, self._token)
        _require(request, "filter")
        return filter_from_proto(request.filter)


class AttestationIntake:
    def __init__(self, store: AttestationStore, token: str) -> None:
        self._store = store
        self._token = token

    async def Attest(self, request: runtime_pb2.AttestRequest, context: Context) -> runtime_pb2.AttestResponse:
        try:
            check_token(request.auth_token, self._token)
            added = await self._store.add_many(_decoded(request))
        except ChassisError as error:
            return runtime_pb2.AttestResponse(error=str(error))
        return runtime_pb2.AttestResponse(
            success=True,
            ids=[attestation.id for attestation in added],
            timestamps_ms=[attestation.timestamp_ms for attestation in added],
        )


def _require(request: Message, field: str) -> None:
    if not request.HasField(field):
        raise InvalidRequest(field, f"{field} is nil")


def _decoded(request: runtime_pb2.AttestRequest) -> Sequence[Draft]:
    try:
        incoming = _drafts(request.drafts_json)
    except msgspec.DecodeError as error:
        raise InvalidRequest("drafts_json", str(error)) from None
    template = Draft(
        subjects=(),
        contexts=(request.append_context,) if request.append_context else (),
        actors=(request.default_actor,) if request.default_actor else (),
        source=request.source,
        source_version=request.source_version,
    )
    return [_completed(template, draft) for draft in incoming]


def _completed(template: Draft, draft: IncomingDraft) -> Draft:
    contexts = draft.contexts or []
    return replace(
        template,
        subjects=draft.subjects,
        predicates=draft.predicates or (),
        contexts=[*contexts, *(context for context in template.contexts if context not in contexts)],
        actors=draft.actors or template.actors,
        attributes=draft.attributes or {},
        timestamp_ms=draft.timestamp,
    )
