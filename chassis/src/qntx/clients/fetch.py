"""The host's fetching of web pages, as scripts reach it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qntx.clients.channel import Service
from qntx.errors import HostUnavailable
from qntx.protocol import fetch_pb2

_FETCH = fetch_pb2.DESCRIPTOR.services_by_name["FetchService"]

TIMEOUT_SECONDS = 40.0
"""The host itself waits 30 s for the page."""


class FetchClient:
    """Fetches through one host, which attests what it fetched."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def fetch(
        self,
        url: str,
        *,
        subjects: Sequence[str] = (),
        predicate: str = "http:get",
        context: str = "",
        fresh: bool = False,
        actor: str = "",
        source: str = "",
    ) -> dict[str, Any]:
        if not self._service:
            raise HostUnavailable("Fetch client not available in this context")
        request = fetch_pb2.FetchRequest(
            url=url,
            subjects=subjects,
            predicate=predicate,
            context=context,
            fresh=fresh,
            actor=actor,
            source=source,
        )
        answer = await self._service.call(_FETCH, "Fetch", request)
        return {"body": answer.body, "status_code": answer.status_code, "attestation_id": answer.attestation_id}

    async def aclose(self) -> None:
        await self._service.aclose()
