"""FetchService: pages of the web for plugins, each attested, and not fetched twice without need."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import grpc.aio

from qntx.errors import Busy, ChassisError
from qntx.host.services.auth import check_token
from qntx.host.store.base import AttestationStore
from qntx.host.web.fetcher import Fetcher, check_url
from qntx.host.web.rate import Rate
from qntx.model.attestation import Attestation, Draft, Filter
from qntx.protocol import fetch_pb2
from qntx.wire.services import add_service

METHOD_PREDICATE = "http:get"
EARLIER_MAX = 100
"""How many attestations of the same subjects are looked through for an earlier answer."""


def serve(server: grpc.aio.Server, store: AttestationStore, fetcher: Fetcher, token: str) -> None:
    add_service(server, fetch_pb2.DESCRIPTOR.services_by_name["FetchService"], FetchService(store, fetcher, token))


class FetchService:
    def __init__(self, store: AttestationStore, fetcher: Fetcher, token: str) -> None:
        self._store = store
        self._fetcher = fetcher
        self._token = token
        self._rate = Rate()

    async def Fetch(
        self, request: fetch_pb2.FetchRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> fetch_pb2.FetchResponse:
        try:
            check_token(request.auth_token, self._token)
            check_url(request.url)
            earlier = None if request.fresh else await self._earlier(request)
            return _response(earlier or await self._fetched(request))
        except ChassisError as error:
            return fetch_pb2.FetchResponse(error=str(error))

    async def _earlier(self, request: fetch_pb2.FetchRequest) -> Attestation | None:
        """The newest answer that was attested for the same subjects and predicate."""
        wanted = Filter(subjects=_subjects(request), predicates=[request.predicate or METHOD_PREDICATE])
        for attestation in await self._store.find(wanted, limit=EARLIER_MAX):
            if attestation.attributes.get("url") == request.url and "response" in attestation.attributes:
                return attestation
        return None

    async def _fetched(self, request: fetch_pb2.FetchRequest) -> Attestation:
        parts = urlsplit(request.url)
        if wait := self._rate.take(parts.hostname or "", parts.path, time.monotonic()):
            raise Busy(f"fetch: {parts.hostname} was asked as often as is decent; try again in {wait:.1f} s")
        page = await self._fetcher.get(request.url)
        return await self._store.add(
            Draft(
                subjects=_subjects(request),
                predicates=list(dict.fromkeys([METHOD_PREDICATE, request.predicate or METHOD_PREDICATE])),
                contexts=[request.context] if request.context else [],
                actors=[request.actor] if request.actor else [],
                attributes={"url": request.url, "response": page.text, "status_code": page.status},
                source=request.source or "fetch",
            )
        )


def _subjects(request: fetch_pb2.FetchRequest) -> list[str]:
    return list(request.subjects) or [request.url]


def _response(attestation: Attestation) -> fetch_pb2.FetchResponse:
    return fetch_pb2.FetchResponse(
        success=True,
        body=str(attestation.attributes["response"]),
        status_code=int(attestation.attributes.get("status_code", 0)),
        attestation_id=attestation.id,
    )
