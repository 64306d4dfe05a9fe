"""Attestations, drafts and filters as messages, and back.

Encoding refuses what no message can hold, with the field's name. On the wire a limit of zero, like none at all, asks
for everything; in the model None does, and zero is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qntx.errors import InvalidRequest
from qntx.model.attestation import Attestation, Draft, Filter
from qntx.protocol import atsstore_pb2
from qntx.wire.struct import from_struct, to_struct

_INT64_MAX = 2**63 - 1
_INT32_MAX = 2**31 - 1


def attestation_to_proto(attestation: Attestation) -> atsstore_pb2.Attestation:
    return atsstore_pb2.Attestation(
        id=attestation.id,
        subjects=_texts("subjects", attestation.subjects),
        predicates=_texts("predicates", attestation.predicates),
        contexts=_texts("contexts", attestation.contexts),
        actors=_texts("actors", attestation.actors),
        timestamp=_time("timestamp", attestation.timestamp_ms),
        source=attestation.source,
        attributes=to_struct(attestation.attributes) if attestation.attributes else None,
        created_at=attestation.created_at_ms,
        signature=attestation.signature,
        signer_did=attestation.signer_did,
    )


def attestation_from_proto(message: atsstore_pb2.Attestation) -> Attestation:
    return Attestation(
        id=message.id,
        subjects=tuple(message.subjects),
        predicates=tuple(message.predicates),
        contexts=tuple(message.contexts),
        actors=tuple(message.actors),
        timestamp_ms=message.timestamp,
        created_at_ms=message.created_at,
        source=message.source,
        attributes=from_struct(message.attributes),
        signature=message.signature,
        signer_did=message.signer_did,
    )


def draft_to_proto(draft: Draft) -> atsstore_pb2.AttestationCommand:
    command = atsstore_pb2.AttestationCommand(
        subjects=_texts("subjects", draft.subjects),
        predicates=_texts("predicates", draft.predicates),
        contexts=_texts("contexts", draft.contexts),
        actors=_texts("actors", draft.actors),
        attributes=to_struct(draft.attributes) if draft.attributes else None,
        source=draft.source,
        source_version=draft.source_version,
    )
    if draft.timestamp_ms is not None:
        command.timestamp = _time("timestamp", draft.timestamp_ms)
    return command


def draft_from_proto(command: atsstore_pb2.AttestationCommand) -> Draft:
    return Draft(
        subjects=tuple(command.subjects),
        predicates=tuple(command.predicates),
        contexts=tuple(command.contexts),
        actors=tuple(command.actors),
        attributes=from_struct(command.attributes),
        source=command.source,
        source_version=command.source_version,
        timestamp_ms=command.timestamp or None,
    )


def filter_to_proto(wanted: Filter, limit: int | None = None) -> atsstore_pb2.AttestationFilter:
    """The question and how many are wanted. A limit of zero has no form on the wire: ask nothing instead."""
    message = atsstore_pb2.AttestationFilter(
        subjects=_texts("subjects", wanted.subjects),
        predicates=_texts("predicates", wanted.predicates),
        contexts=_texts("contexts", wanted.contexts),
        actors=_texts("actors", wanted.actors),
    )
    if wanted.since_ms is not None:
        message.time_start = _time("since", wanted.since_ms)
    if wanted.until_ms is not None:
        message.time_end = _time("until", wanted.until_ms)
    if limit is not None:
        if not 0 < limit <= _INT32_MAX:
            raise InvalidRequest("limit", f"{limit} is not between 1 and {_INT32_MAX}")
        message.limit = limit
    return message


def filter_from_proto(message: atsstore_pb2.AttestationFilter) -> tuple[Filter, int | None]:
    """The question, and how many are wanted: None is all."""
    if message.limit < 0:
        raise InvalidRequest("limit", f"{message.limit} is negative")
    wanted = Filter(
        subjects=tuple(message.subjects),
        predicates=tuple(message.predicates),
        contexts=tuple(message.contexts),
        actors=tuple(message.actors),
        since_ms=message.time_start if message.HasField("time_start") else None,
        until_ms=message.time_end if message.HasField("time_end") else None,
    )
    return wanted, message.limit or None


def attestation_to_json(attestation: Attestation) -> dict[str, Any]:
    """The attestation as scripts see one: a dict of JSON values, times in milliseconds."""
    return {
        "id": attestation.id,
        "subjects": list(attestation.subjects),
        "predicates": list(attestation.predicates),
        "contexts": list(attestation.contexts),
        "actors": list(attestation.actors),
        "timestamp": attestation.timestamp_ms,
        "source": attestation.source,
        "attributes": dict(attestation.attributes),
        "created_at": attestation.created_at_ms,
    }


def _texts(field: str, texts: Iterable[Any]) -> list[str]:
    if isinstance(texts, str):
        raise InvalidRequest(field, f"expected a list of strings, got the string {texts[:80]!r}")
    checked = []
    for text in texts:
        if not isinstance(text, str):
            raise InvalidRequest(field, f"expected a list of strings, it holds a {type(text).__name__}")
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise InvalidRequest(field, "not valid Unicode text: it holds a lone surrogate")
        checked.append(text)
    return checked


def _time(field: str, milliseconds: Any) -> int:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int):
        raise InvalidRequest(field, f"expected milliseconds as an integer, got {type(milliseconds).__name__}")
    if abs(milliseconds) > _INT64_MAX:
        raise InvalidRequest(field, f"{milliseconds} milliseconds is further than a timestamp reaches")
    return milliseconds
