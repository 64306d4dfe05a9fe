"""The host's attestation store, as scripts reach it.

Our host takes many drafts in one call and answers their ids (AttestationIntake). QNTX's own core does not: there each
draft is a call of its own, several at once, those about the same subjects one after the other so that the newest is the
last one claimed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from qntx.clients.channel import Service
from qntx.errors import HostUnavailable, InvalidRequest, NotFound, Refused
from qntx.model.attestation import Attestation, Draft, Filter
from qntx.protocol import atsstore_pb2, runtime_pb2
from qntx.wire.attestation import attestation_from_proto, draft_to_proto, filter_to_proto

CALLS_AT_ONCE = 16

_STORE = atsstore_pb2.DESCRIPTOR.services_by_name["ATSStoreService"]
_INTAKE = runtime_pb2.DESCRIPTOR.services_by_name["AttestationIntake"]
_DRAFT_KEYS = frozenset({"subjects", "predicates", "contexts", "actors", "attributes", "timestamp"})

Stored = tuple[str, int]
"""An id and a timestamp in milliseconds."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What every draft of a run says besides what the script said."""

    source_version: str
    handler: str = ""
    glyph_id: str = ""
    source: str = "python"

    @property
    def actor(self) -> str:
        return f"glyph:{self.glyph_id}" if self.glyph_id else ""


class AttestationClient:
    """Asks and tells one attestation store."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._intake = True
        self._calls = asyncio.Semaphore(CALLS_AT_ONCE)

    async def attest(self, drafts: Sequence[bytes], provenance: Provenance) -> list[Stored]:
        """Store drafts, each the JSON text of an object, in order."""
        self._require()
        if self._intake:
            try:
                return await self._attest_at_once(drafts, provenance)
            except NotFound:
                self._intake = False
        return await self._attest_each([draft_from_json(text, provenance) for text in drafts])

    async def find(self, wanted: Filter, limit: int | None = None) -> list[Attestation]:
        """Those that match, newest first. None is all of them; zero is none."""
        self._require()
        if limit == 0:
            return []
        request = atsstore_pb2.GetAttestationsRequest(filter=filter_to_proto(wanted, limit))
        answer = await self._service.call(_STORE, "GetAttestations", request)
        return [attestation_from_proto(message) for message in answer.attestations]

    async def stream(self, wanted: Filter, limit: int | None = None) -> AsyncGenerator[Attestation, None]:
        """The same, as fast as they are taken: memory stays flat."""
        self._require()
        if limit == 0:
            return
        request = atsstore_pb2.GetAttestationsRequest(filter=filter_to_proto(wanted, limit))
        async with aclosing(self._service.stream(_STORE, "GetAttestationsStream", request)) as messages:
            async for message in messages:
                yield attestation_from_proto(message)

    async def aclose(self) -> None:
        await self._service.aclose()

    def _require(self) -> None:
        if not self._service:
            raise HostUnavailable("ATSStore client not initialized")

    async def _attest_at_once(self, drafts: Sequence[bytes], provenance: Provenance) -> list[Stored]:
        request = runtime_pb2.AttestRequest(
            drafts_json=b"[" + b",".join(drafts) + b"]",
            source=provenance.source,
            source_version=provenance.source_version,
            append_context=provenance.handler,
            default_actor=provenance.actor,
        )
        answer = await self._service.call(_INTAKE, "Attest", request)
        if not len(answer.ids) == len(answer.timestamps_ms) == len(drafts):
            raise Refused(f"refused: {len(drafts)} drafts were sent and {len(answer.ids)} ids came back")
        return list(zip(answer.ids, answer.timestamps_ms, strict=True))

    async def _attest_each(self, drafts: Sequence[Draft]) -> list[Stored]:
        stored: list[Stored | None] = [None] * len(drafts)
        lines: dict[tuple[str, ...], list[int]] = {}
        for number, draft in enumerate(drafts):
            lines.setdefault(tuple(draft.subjects), []).append(number)

        async def one_after_the_other(numbers: list[int]) -> None:
            for number in numbers:
                async with self._calls:
                    stored[number] = await self._attest_one(drafts[number])

        outcomes = await asyncio.gather(*map(one_after_the_other, lines.values()), return_exceptions=True)
        for refused in outcomes:
            if isinstance(refused, BaseException):
                kept = sum(entry is not None for entry in stored)
                raise Refused(f"{refused} ({kept} of {len(drafts)} stored)") if kept else refused
        return [entry for entry in stored if entry is not None]

    async def _attest_one(self, draft: Draft) -> Stored:
        request = atsstore_pb2.GenerateAttestationRequest(command=draft_to_proto(draft))
        answer = await self._service.call(_STORE, "GenerateAndCreateAttestation", request)
        return answer.attestation.id, answer.attestation.timestamp


def draft_from_json(text: bytes, provenance: Provenance) -> Draft:
    """A draft as a worker wrote it, with what its run says. Its field is named where one is wrong."""
    raw = _object(text, 0)
    contexts = _list(raw, "contexts")
    if provenance.handler and provenance.handler not in contexts:
        contexts = [*contexts, provenance.handler]
    draft = Draft(
        subjects=_list(raw, "subjects"),
        predicates=_list(raw, "predicates"),
        contexts=contexts,
        actors=_list(raw, "actors"),
        attributes=raw.get("attributes") or {},
        source=provenance.source,
        source_version=provenance.source_version,
        timestamp_ms=raw.get("timestamp"),
    )
    if not isinstance(draft.attributes, dict):
        raise InvalidRequest("attributes", f"expected an object, got {type(draft.attributes).__name__}")
    if not draft.subjects:
        raise InvalidRequest("subjects", "name at least one")
    return replace(draft, actors=[provenance.actor]) if provenance.actor and not draft.actors else draft


def _object(text: bytes, number: int) -> dict[str, Any]:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as broken:
        raise InvalidRequest(f"drafts[{number}]", f"not JSON: {broken}") from None
    if not isinstance(raw, dict):
        raise InvalidRequest(f"drafts[{number}]", f"expected an object, got {type(raw).__name__}")
    if unknown := raw.keys() - _DRAFT_KEYS:
        raise InvalidRequest(f"drafts[{number}]", f"unknown key {min(unknown)!r}")
    return raw


def _list(raw: dict[str, Any], key: str) -> list[Any]:
    value = raw.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidRequest(key, f"expected a list of strings, got {type(value).__name__}")
    return value
