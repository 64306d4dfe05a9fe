"""The capsule: its model is the reference library's; how it becomes a record, and comes back, is ours.

Audited code enriches its capsule with whatever it has, so nothing about the model's fields may be trusted here: each
one is brought to the type that the specification gives it, and a capsule that still cannot be encoded leaves a stub
that says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from qp_capsule.capsule import (
    AuthoritySection,
    Capsule,
    CapsuleType,
    ExecutionSection,
    OutcomeSection,
    ReasoningOption,
    ReasoningSection,
    ToolCall,
    attach_stored_document,
    content_for_hash,
)

from qntx.capsules import canonical
from qntx.capsules.canonical import HOLE
from qntx.capsules.capture import KEPT_CHARACTERS, Budget, capture, text
from qntx.capsules.record import Draft, Record
from qntx.errors import StorageError

RUN = "qntx.run"
"""The key of context.environment under which a run's number and the chain's counts are sealed."""
RECORD_BYTES_MAX = 4 * 1024 * 1024
STATUSES = frozenset({"pending", "success", "failure", "partial", "blocked"})


def draft(capsule: Capsule) -> Draft:
    """Encode a capsule for the chain. Never raises: what cannot be encoded becomes a stub with the reason."""
    try:
        document = content(capsule)
        pieces = canonical.cut(document)
        size = sum(map(len, pieces))
        if size > RECORD_BYTES_MAX:
            raise ValueError(f"the record has {size} bytes; the limit is {RECORD_BYTES_MAX}")
        counted = isinstance(document["context"]["environment"].get(RUN), dict)
        if len(pieces) != 3 + counted:
            raise ValueError("the record holds the mark of an open place")
    except Exception as error:
        document = _stub(capsule, f"{type(error).__name__}: {text(error)}")
        pieces = canonical.cut(document)
    return filed(document, pieces)


def filed(document: Mapping[str, Any], pieces: tuple[bytes, ...]) -> Draft:
    """The draft of a capsule's content, given as the document and as its text."""
    return Draft(
        document["id"], document["type"], document["domain"], document["context"]["session_id"], pieces,
        document["outcome"]["status"] != "success",
    )  # fmt: skip


def content(capsule: Capsule) -> dict[str, Any]:
    """The 13 keys, each of its specified type, with holes where the chain writes."""
    return {
        "id": _id(capsule.id),
        "type": CapsuleType(capsule.type).value,
        "domain": _text(capsule.domain),
        "parent_id": _id(capsule.parent_id) if capsule.parent_id else None,
        "sequence": HOLE,
        "previous_hash": HOLE,
        "spec_version": _text(capsule.spec_version),
        "trigger": _trigger(capsule),
        "context": _context(capsule),
        "reasoning": _reasoning(capsule),
        "authority": _authority(capsule),
        "execution": _execution(capsule),
        "outcome": _outcome(capsule),
    }


def opening(capsule: Capsule) -> dict[str, Any]:
    """What is known by now, for Capsule.from_dict: the sections that say something."""
    document = {
        "id": _id(capsule.id),
        "type": CapsuleType(capsule.type).value,
        "domain": _text(capsule.domain),
        "parent_id": _id(capsule.parent_id) if capsule.parent_id else None,
        "spec_version": _text(capsule.spec_version),
        "trigger": _trigger(capsule),
        "context": _context(capsule),
    }
    for name, (empty, section) in _LATER.items():
        if getattr(capsule, name) != empty:
            document[name] = section(capsule)
    return document


def from_record(record: Record) -> Capsule:
    """The capsule as it was stored, remembering the stored document that its seal covers."""
    try:
        document = canonical.decode(record.data)
        capsule = attach_stored_document(Capsule.from_dict(document), document)
        capsule.signed_at = datetime.fromisoformat(record.signed_at) if record.signed_at else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StorageError(f"the record at sequence {record.sequence} cannot be read: {error}") from error
    capsule.hash = record.hash
    capsule.signature = record.signature
    capsule.signature_pq = record.signature_pq or ""
    capsule.signed_by = record.signed_by or ""
    return capsule


def to_record(capsule: Capsule, tenant_id: str | None = None) -> Record:
    """A capsule that is sealed already, as it is stored: the text that its seal covers."""
    document = content_for_hash(capsule)
    if not capsule.is_sealed():
        raise StorageError("this capsule is not sealed; chain.seal_and_store() seals and stores")
    if document is None:
        raise StorageError("this capsule was changed after it was sealed; its seal would not hold")
    record = Record(
        str(capsule.id), capsule.type.value, capsule.sequence, capsule.previous_hash, canonical.encode(document),
        capsule.hash, capsule.signature, capsule.signature_pq,
        capsule.signed_at.isoformat() if capsule.signed_at else None, capsule.signed_by,
        capsule.context.session_id, capsule.domain, tenant_id,
    )  # fmt: skip
    try:
        "".join(map(str, record)).encode()
    except UnicodeEncodeError as error:
        raise StorageError(f"this capsule holds a text that cannot be kept: {error}") from error
    return record


def settle(capsule: Capsule, record: Record) -> Capsule:
    """Bring a capsule in memory to what was stored of it."""
    stored = from_record(record)
    for name in ("trigger", "context", "reasoning", "authority", "execution", "outcome", "domain", "spec_version"):
        setattr(capsule, name, getattr(stored, name))
    stamp_onto(capsule, record)
    return attach_stored_document(capsule, None)


def stamp_onto(capsule: Capsule, record: Record) -> None:
    """Give a capsule in memory its place and its seal."""
    capsule.sequence, capsule.previous_hash = record.sequence, record.previous_hash
    capsule.hash, capsule.signature, capsule.signature_pq = record.hash, record.signature, record.signature_pq
    capsule.signed_at = datetime.fromisoformat(record.signed_at) if record.signed_at else None
    capsule.signed_by = record.signed_by


def _stub(capsule: Capsule, reason: str) -> dict[str, Any]:
    """What is certain about a capsule that cannot be sealed as it is."""
    left = Capsule()
    # These two may be what could not be sealed.
    with suppress(Exception):
        left.id = UUID(_id(capsule.id))
    with suppress(Exception):
        left.type = CapsuleType(capsule.type)
    left.trigger.type = "system"
    left.trigger.source = _text(getattr(capsule.trigger, "source", ""))
    left.context.agent_id = _text(getattr(capsule.context, "agent_id", ""))
    left.outcome.status = _status(getattr(capsule.outcome, "status", ""))
    left.outcome.summary = "the record could not be sealed as it was"
    left.outcome.metrics = {"unsealable": reason}
    environment = getattr(capsule.context, "environment", None)
    if isinstance(environment, dict) and isinstance(environment.get(RUN), dict):
        left.context.environment = {RUN: environment[RUN]}
    return content(left)


def _id(value: object) -> str:
    return str(value if isinstance(value, UUID) else UUID(text(value)))


def _text(value: object) -> str:
    if type(value) is str and len(value) <= KEPT_CHARACTERS and value.isascii():
        return value
    return "" if value is None else text(value, KEPT_CHARACTERS)


def _text_or_null(value: Any) -> str | None:
    return None if value is None else _text(value)


def _time(value: object) -> str:
    time = value if isinstance(value, datetime) else datetime.now(UTC)
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat()


def _integer(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else 0


def _number(value: Any) -> float:
    """Always with a decimal point, as the specification wants these: 1 and 1.0 hash differently."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else 0.0


def _status(value: object) -> str:
    return str.__str__(value) if isinstance(value, str) and value in STATUSES else "partial"


def _kept(value: Any) -> Any:
    return capture(value, Budget(text_characters=KEPT_CHARACTERS))


def _object(value: Any) -> dict[str, Any]:
    if not value:
        return {}
    if not isinstance(value, dict):
        return {"value": _kept(value)}
    run = value.get(RUN)
    kept: dict[str, Any] = _kept(value)
    if isinstance(run, dict) and type(run.get("counts")) is str and run["counts"] == HOLE:
        kept[RUN] = {**kept[RUN], "counts": HOLE}
    return kept


def _list(value: Any) -> list[Any]:
    if not value:
        return []
    kept = _kept(value)
    return kept if isinstance(kept, list) else [kept]


def _trigger(capsule: Capsule) -> dict[str, Any]:
    trigger = capsule.trigger
    return {
        "type": _text(trigger.type),
        "source": _text(trigger.source),
        "timestamp": _time(trigger.timestamp),
        "request": _text(trigger.request),
        "correlation_id": _text_or_null(trigger.correlation_id),
        "user_id": _text_or_null(trigger.user_id),
    }


def _context(capsule: Capsule) -> dict[str, Any]:
    context = capsule.context
    return {
        "agent_id": _text(context.agent_id),
        "session_id": _text_or_null(context.session_id),
        "environment": _object(context.environment),
    }


def _authority(capsule: Capsule) -> dict[str, Any]:
    authority = capsule.authority
    return {
        "type": _text(authority.type),
        "approver": _text_or_null(authority.approver),
        "policy_reference": _text_or_null(authority.policy_reference),
        "chain": _list(authority.chain),
        "escalation_reason": _text_or_null(authority.escalation_reason),
    }


def _execution(capsule: Capsule) -> dict[str, Any]:
    execution = capsule.execution
    return {
        "tool_calls": [_tool_call(call) for call in execution.tool_calls],
        "duration_ms": _integer(execution.duration_ms),
        "resources_used": _object(execution.resources_used),
    }


def _reasoning(capsule: Capsule) -> dict[str, Any]:
    reasoning = capsule.reasoning
    options = [_option(option) for option in reasoning.options or []]
    considered = [option["description"] for option in options] or _list(reasoning.options_considered)
    return {
        "analysis": _text(reasoning.analysis),
        "options": options,
        "options_considered": considered,
        "selected_option": _text(reasoning.selected_option),
        "reasoning": _text(reasoning.reasoning),
        "confidence": _number(reasoning.confidence),
        "model": _text_or_null(reasoning.model),
        "prompt_hash": _text_or_null(reasoning.prompt_hash),
    }


def _option(option: ReasoningOption) -> dict[str, Any]:
    return {
        "id": _text(option.id),
        "description": _text(option.description),
        "pros": _list(option.pros),
        "cons": _list(option.cons),
        "estimated_impact": _object(option.estimated_impact),
        "feasibility": _number(option.feasibility),
        "risks": _list(option.risks),
        "selected": bool(option.selected),
        "rejection_reason": _text(option.rejection_reason),
    }


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {
        "tool": _text(call.tool),
        "arguments": _object(call.arguments),
        "result": _kept(call.result),
        "success": bool(call.success),
        "duration_ms": _integer(call.duration_ms),
        "error": _text_or_null(call.error),
    }


def _outcome(capsule: Capsule) -> dict[str, Any]:
    outcome = capsule.outcome
    return {
        "status": _status(outcome.status),
        "result": _kept(outcome.result),
        "summary": _text(outcome.summary),
        "error": _text_or_null(outcome.error),
        "side_effects": _list(outcome.side_effects),
        "metrics": _object(outcome.metrics),
    }


_LATER: dict[str, tuple[object, Callable[[Capsule], dict[str, Any]]]] = {
    "reasoning": (ReasoningSection(), _reasoning),
    "authority": (AuthoritySection(), _authority),
    "execution": (ExecutionSection(), _execution),
    "outcome": (OutcomeSection(), _outcome),
}
"""Sections that are mostly empty when the work begins, each with its empty form."""
