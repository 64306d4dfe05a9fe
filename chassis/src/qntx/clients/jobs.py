"""The host's job queue, as scripts reach it."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

from qntx.clients.channel import Service
from qntx.errors import HostUnavailable, InvalidRequest
from qntx.model.identity import RANDOM_BYTES, asid
from qntx.protocol import queue_pb2

_QUEUE = queue_pb2.DESCRIPTOR.services_by_name["QueueService"]


class JobClient:
    """Puts jobs in one queue and looks them up."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def enqueue(
        self, handler: str, payload: Any, *, source: str = "", parent_job_id: str = "", principal: str = ""
    ) -> str:
        """Queue a job for `plugin/handler`; its id. The queue keeps the row as it is sent, so all of it is set here.

        `principal` is who asks, as the host that is asked named them.
        """
        if not self._service:
            raise HostUnavailable("Queue client not available")
        job = queue_pb2.Job(
            id=asid("JB", handler, "enqueue", source, secrets.token_bytes(RANDOM_BYTES)),
            handler_name=handler,
            payload=_payload(payload),
            source=source,
            status="queued",
            progress=queue_pb2.Progress(),
            parent_job_id=parent_job_id,
            created_at=int(time.time()),
        )
        request = queue_pb2.EnqueueRequest(job=job)
        answer = await self._service.call(_QUEUE, "Enqueue", request, principal=principal)
        return str(answer.job_id or job.id)

    async def aclose(self) -> None:
        await self._service.aclose()


def _payload(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as fault:
        raise InvalidRequest("payload", f"not a JSON value: {fault}") from None
