"""Attestations: `/api/attestations`, in the shapes of QNTX's own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from qntx.errors import InvalidRequest, NotFound
from qntx.host.api.errors import RESPONSES, Body, Known
from qntx.host.api.times import time_ms
from qntx.host.store.base import AttestationStore
from qntx.host.store.node_key import verify
from qntx.model.attestation import Attestation, Draft, Filter
from qntx.wire.record import record_of

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000
ELEMENTS_MAX = 100
ELEMENT_BYTES_MAX = 1000
LINES = "application/x-ndjson"
SOURCE = "api"

SPLIT = "separated by commas"
WHOLE = "each taken whole; may be given several times"


class AttestationRecord(BaseModel):
    """A claim that is kept."""

    id: str
    subjects: list[str]
    predicates: list[str]
    contexts: list[str]
    actors: list[str]
    timestamp: str = Field(description="When it is said to hold, RFC 3339.")
    source: str
    attributes: dict[str, Any] | None = Field(default=None, description="Left out where there are none.")
    created_at: str = Field(description="When the store took it, RFC 3339.")
    signature: str | None = Field(default=None, description="Ed25519, in base64.")
    signer_did: str | None = None


class CreateBody(Body):
    id: str = Field(default="", description="Sent again, it is not created again. Left out, one is made.")
    subjects: list[str] = Field(description="What it is about; at least one.")
    predicates: list[str] = Field(description="What is said; at least one.")
    contexts: list[str] = Field(default=[])
    actors: list[str] = Field(default=[])
    timestamp: int = Field(default=0, description="Seconds since 1970; left out, now.")
    source: str = ""
    attributes: dict[str, Any] = Field(default={})


class Created(BaseModel):
    id: str
    status: Literal["created", "exists"]


class Verified(BaseModel):
    valid: bool = Field(description="Whether the signer named has signed exactly this.")
    signer_did: str


class Asked(Known):
    """A question as a query string has it."""

    subject: str = Field(default="", description=SPLIT)
    predicate: str = Field(default="", description=SPLIT)
    context: str = Field(default="", description=SPLIT)
    actor: str = Field(default="", description=SPLIT)
    subjects: list[str] = Field(default=[], description=WHOLE)
    predicates: list[str] = Field(default=[], description=WHOLE)
    contexts: list[str] = Field(default=[], description=WHOLE)
    actors: list[str] = Field(default=[], description=WHOLE)
    since: str = Field(default="", description="`2026-01-15`, `2026-01-15T09:30:00Z`, `3 days ago`, `90m`, …")
    until: str = ""

    def filter(self) -> Filter:
        now_ms = time.time_ns() // 1_000_000
        return Filter(
            subjects=_split(self.subject) + self.subjects,
            predicates=_split(self.predicate) + self.predicates,
            contexts=_split(self.context) + self.contexts,
            actors=_split(self.actor) + self.actors,
            since_ms=time_ms("since", self.since, now_ms) if self.since else None,
            until_ms=time_ms("until", self.until, now_ms) if self.until else None,
        )


class Listed(Asked):
    limit: int | None = Field(
        default=None,
        ge=1,
        description=f"At most so many, {LIMIT_DEFAULT} where nothing is said; {LIMIT_MAX} at once. "
        f"As {LINES} there is no bound, and nothing said is all.",
    )


def router(store: AttestationStore) -> APIRouter:
    routes = APIRouter(prefix="/api/attestations", tags=["attestations"])

    @routes.get("", responses=RESPONSES | {200: {"model": list[AttestationRecord]}}, response_class=Response)
    async def find(asked: Annotated[Listed, Query()], accept: Annotated[str, Header()] = "") -> Response:
        """Those that match, newest first: any term of a field, every field. ASCII case is ignored."""
        wanted = asked.filter()
        if LINES in accept:
            return StreamingResponse(_lines(store, wanted, asked.limit), media_type=LINES)
        limit = LIMIT_DEFAULT if asked.limit is None else min(asked.limit, LIMIT_MAX)
        return _json([record_of(found) for found in await store.find(wanted, limit=limit)])

    @routes.post("", status_code=201, responses=RESPONSES | {200: {"model": Created}})
    async def create(body: CreateBody, response: Response) -> Created:
        """Attest something. With an `id` that is kept already, nothing happens."""
        _check(body)
        if not body.id:
            return Created(id=(await store.add(_draft(body))).id, status="created")
        if await store.put(_attestation(body)):
            return Created(id=body.id, status="created")
        response.status_code = 200
        return Created(id=body.id, status="exists")

    @routes.get("/{attestation_id}", responses=RESPONSES | {200: {"model": AttestationRecord}}, response_class=Response)
    async def get(attestation_id: str) -> Response:
        """One of them."""
        return _json(record_of(await _kept(store, attestation_id)))

    @routes.get("/{attestation_id}/verification", responses=RESPONSES)
    async def verification(attestation_id: str) -> Verified:
        """Whether its signature holds."""
        kept = await _kept(store, attestation_id)
        return Verified(valid=verify(kept), signer_did=kept.signer_did)

    return routes


async def _kept(store: AttestationStore, attestation_id: str) -> Attestation:
    kept = await store.get(attestation_id)
    if kept is None:
        raise NotFound(f"no attestation has the id {attestation_id!r}")
    return kept


async def _lines(store: AttestationStore, wanted: Filter, limit: int | None) -> AsyncIterator[bytes]:
    async for attestation in store.stream(wanted, limit=limit):
        yield msgspec.json.encode(record_of(attestation)) + b"\n"


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _split(terms: str) -> list[str]:
    return [term.strip() for term in terms.split(",") if term.strip()]


def _check(body: CreateBody) -> None:
    """What QNTX allows over HTTP; the store has its own bounds beside these."""
    for field in ("subjects", "predicates", "contexts", "actors"):
        terms: list[str] = getattr(body, field)
        if not terms and field in ("subjects", "predicates"):
            raise InvalidRequest(field, "must not be empty")
        if len(terms) > ELEMENTS_MAX:
            raise InvalidRequest(field, f"too many elements ({len(terms)}, max {ELEMENTS_MAX})")
        for term in terms:
            if (size := len(term.encode(errors="surrogatepass"))) > ELEMENT_BYTES_MAX:
                raise InvalidRequest(field, f"element too long ({size} bytes, max {ELEMENT_BYTES_MAX})")


def _draft(body: CreateBody) -> Draft:
    return Draft(
        subjects=body.subjects,
        predicates=body.predicates,
        contexts=body.contexts,
        actors=body.actors,
        attributes=body.attributes,
        source=body.source or SOURCE,
        timestamp_ms=body.timestamp * 1000,
    )


def _attestation(body: CreateBody) -> Attestation:
    return Attestation(
        id=body.id,
        subjects=tuple(body.subjects),
        predicates=tuple(body.predicates),
        contexts=tuple(body.contexts),
        actors=tuple(body.actors),
        timestamp_ms=body.timestamp * 1000,
        created_at_ms=0,
        source=body.source or SOURCE,
        attributes=body.attributes,
    )
