"""Where hosts share one audit trail, a plugin's records are sealed by the host, and this hands them to it.

What has been started is noted on this machine all the same, and stays open until the host says that it is kept.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple

import grpc

from qntx.capsules import MemoryStorage, Seal
from qntx.capsules.record import Draft, Record
from qntx.capsules.storage.writer import Writer
from qntx.errors import StorageError
from qntx.plugin.audit import SealingHost
from qntx.protocol import capsules_pb2 as pb
from qntx.wire.services import MESSAGE_OPTIONS

SEAL_SECONDS = 15.0
METHOD = "/qntx.runtime.v1.CapsuleService/Seal"


class _Job(NamedTuple):
    draft: Draft
    tenant_id: str | None


class HandedOver(MemoryStorage):
    """A chain that is kept elsewhere: it can be appended to, and looks empty from here."""

    def __init__(self, host: SealingHost) -> None:
        super().__init__()
        self._host = host
        self._channel: grpc.Channel | None = None
        self._handing: Writer[_Job, Record] = Writer(self._hand_over, self._release)

    def append(self, draft: Draft, seal: Seal, tenant_id: str | None = None) -> Future[Record]:
        """The seal is the host's own."""
        return self._handing.submit(_Job(draft, tenant_id))

    async def close(self) -> None:
        self._handing.close()
        await super().close()

    def check(self) -> None:
        """Raises StorageError where the host would not seal anything."""
        self._hand_over([])

    def _hand_over(self, jobs: Sequence[_Job]) -> Sequence[Record | Exception]:
        request = pb.SealRequest(auth_token=self._host.token, drafts=[_draft(job) for job in jobs])
        try:
            answer: pb.SealResponse = self._call()(request, timeout=SEAL_SECONDS)
        except grpc.RpcError as error:
            self._release()
            raise StorageError(f"the host does not seal: {_reason(error)}") from error
        return [
            StorageError(sealed.error) if sealed.error else Record(*json.loads(sealed.record_json))
            for sealed in answer.sealed
        ]

    def _call(self) -> grpc.UnaryUnaryMultiCallable[pb.SealRequest, pb.SealResponse]:
        if self._channel is None:
            options = [*MESSAGE_OPTIONS, ("grpc.enable_http_proxy", 0)]
            self._channel = grpc.insecure_channel(self._host.endpoint, options=options)
        return self._channel.unary_unary(
            METHOD,
            request_serializer=pb.SealRequest.SerializeToString,
            response_deserializer=pb.SealResponse.FromString,
        )

    def _release(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()


def _draft(job: _Job) -> pb.CapsuleDraft:
    draft = job.draft
    return pb.CapsuleDraft(
        id=draft.id,
        type=draft.type,
        domain=draft.domain,
        session_id=draft.session_id,
        pieces=draft.pieces,
        failed=draft.failed,
        tenant_id=job.tenant_id,
    )


def _reason(error: grpc.RpcError) -> str:
    details: str | None = getattr(error, "details", str)()
    return details or type(error).__name__
