"""What a store takes, and what it adds to it.

Pure: a draft, the time and some randomness go in, an attestation comes out. Every store admits by these rules, so that
they cannot differ in them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from qntx.errors import InvalidRequest
from qntx.model.attestation import Attestation, Draft
from qntx.model.identity import asid
from qntx.wire.struct import DEPTH_MAX

NOTHING = ("_",)
"""Stands for predicates and contexts that were not given, as QNTX has it."""

DEFAULT_SOURCE = "plugin"
TERM_BYTES_MAX = 10_000
ATTESTATION_BYTES_MAX = 1024 * 1024
"""All terms and attributes of one, as JSON."""

ID_BYTES_MAX = 512
TIME_MS_MIN = -62_135_596_800_000
TIME_MS_MAX = 253_402_300_799_999
"""The years 1 to 9999: what RFC 3339, which watchers' payloads use, can say."""

CREATED_MS_MAX = (1 << 43) - 1
"""The year 2248."""


def admit(draft: Draft, now_ms: int, random: bytes) -> Attestation:
    """The attestation a draft becomes, unsigned. Raises InvalidRequest with the field and the fault."""
    subjects = _terms("subjects", draft.subjects)
    if not subjects:
        raise InvalidRequest("subjects", "empty; an attestation is about something")
    predicates = _terms("predicates", draft.predicates) or NOTHING
    contexts = _terms("contexts", draft.contexts) or NOTHING
    attributes = _attributes(draft.attributes)
    if draft.source_version:
        attributes.setdefault("source_version", _text("source_version", draft.source_version))
    admitted = Attestation(
        id=asid("AS", subjects[0], predicates[0], contexts[0], random),
        subjects=subjects,
        predicates=predicates,
        contexts=contexts,
        actors=_terms("actors", draft.actors),
        timestamp_ms=_time("timestamp", draft.timestamp_ms) or now_ms,
        created_at_ms=now_ms,
        source=_name("source", draft.source) or DEFAULT_SOURCE,
        attributes=attributes,
    )
    _check_size(admitted)
    return admitted


def readmit(attestation: Attestation, now_ms: int) -> Attestation:
    """An attestation that comes with its id, by the same rules. A missing time is now; the signature stays as it is."""
    subjects = _terms("subjects", attestation.subjects)
    if not subjects:
        raise InvalidRequest("subjects", "empty; an attestation is about something")
    if not attestation.id or len(_name("id", attestation.id).encode()) > ID_BYTES_MAX:
        raise InvalidRequest("id", f"has to be 1 to {ID_BYTES_MAX} bytes")
    created_at_ms = _time("created_at", attestation.created_at_ms) or now_ms
    if not 0 < created_at_ms <= CREATED_MS_MAX:
        raise InvalidRequest("created_at", f"{created_at_ms} ms is not between 1970 and 2248")
    admitted = Attestation(
        id=attestation.id,
        subjects=subjects,
        predicates=_terms("predicates", attestation.predicates) or NOTHING,
        contexts=_terms("contexts", attestation.contexts) or NOTHING,
        actors=_terms("actors", attestation.actors),
        timestamp_ms=_time("timestamp", attestation.timestamp_ms) or now_ms,
        created_at_ms=created_at_ms,
        source=_name("source", attestation.source) or DEFAULT_SOURCE,
        attributes=_attributes(attestation.attributes),
        signature=attestation.signature,
        signer_did=_name("signer_did", attestation.signer_did),
    )
    _check_size(admitted)
    return admitted


def in_batch(error: InvalidRequest, index: int) -> InvalidRequest:
    """The same fault, of the draft at that place of several."""
    return InvalidRequest(f"[{index}].{error.field}", error.fault)


def _terms(field: str, given: Sequence[str]) -> tuple[str, ...]:
    if type(given) not in (list, tuple) and (isinstance(given, str) or not isinstance(given, Sequence)):
        raise InvalidRequest(field, f"has to be a list of texts, not {type(given).__name__}")
    for index, term in enumerate(given):
        if type(term) is str and term.isascii() and 0 < len(term) <= TERM_BYTES_MAX:
            continue
        where = f"{field}[{index}]"
        size = len(_text(where, term).encode())
        if size == 0:
            raise InvalidRequest(where, "empty")
        if size > TERM_BYTES_MAX:
            raise InvalidRequest(where, f"{size} bytes; the limit is {TERM_BYTES_MAX}, so put long texts in attributes")
    return tuple(given)


def _text(field: str, given: object) -> str:
    if not isinstance(given, str):
        raise InvalidRequest(field, f"has to be a text, not {type(given).__name__}")
    if not given.isascii() and (fault := _surrogate(given)):
        raise InvalidRequest(field, fault)
    return given


def _name(field: str, given: object) -> str:
    """A text that databases keep as such. Terms and attributes are kept as JSON, which can say NUL."""
    if "\x00" in (name := _text(field, given)):
        raise InvalidRequest(field, "has a NUL character")
    return name


def _surrogate(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"half of a surrogate pair at character {error.start}, which is no Unicode text"
    return ""


def _time(field: str, given: int | None) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int):
        raise InvalidRequest(field, f"has to be whole milliseconds since 1970, not {type(given).__name__}")
    if not TIME_MS_MIN <= given <= TIME_MS_MAX:
        raise InvalidRequest(field, f"{given} ms since 1970 is not within the years 1 to 9999")
    return given


def _check_size(admitted: Attestation) -> None:
    parts = (admitted.subjects, admitted.predicates, admitted.contexts, admitted.actors, admitted.attributes)
    size = len(msgspec.json.encode(parts))
    if size > ATTESTATION_BYTES_MAX:
        raise InvalidRequest(
            "attributes", f"{size} bytes as JSON; one attestation takes {ATTESTATION_BYTES_MAX}: attest a reference"
        )


class _Fault(Exception):
    """What is wrong inside the attributes, and on the way out, where."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.path: list[str] = []


def _attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidRequest("attributes", f"has to be an object, not {type(given).__name__}")
    try:
        return _object(given, DEPTH_MAX)
    except _Fault as found:
        # A cycle's path is as long as the limit; its beginning says enough.
        path = "".join(reversed(found.path[-4:])) + ("…" if len(found.path) > 4 else "")
        raise InvalidRequest("attributes" + path, found.fault) from None


def _plain(value: Any, depth: int) -> Any:
    """The value as JSON has it: text, number, bool, null, list, object."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if not value.isascii() and (fault := _surrogate(value)):
            raise _Fault(fault)
        return str(value)
    if isinstance(value, int):
        return _integer(int(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _Fault(f"{value} is no JSON number; say it as text, or leave it out")
        return float(value)
    if isinstance(value, Mapping):
        return _object(value, depth)
    if isinstance(value, list | tuple):
        return _list(value, depth)
    raise _Fault(f"{type(value).__name__} is no JSON value; say it as text or a number")


def _integer(value: int) -> int:
    try:
        float(value)
    except OverflowError:
        raise _Fault("an integer beyond 1e308; say it as text") from None
    return value


def _object(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    if depth == 0:
        raise _Fault(f"nested more than {DEPTH_MAX} deep, or inside itself")
    plain: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise _Fault(f"the key {key!r:.40} is no text")
        if not key.isascii() and (fault := _surrogate(key)):
            raise _Fault(f"a key has {fault}")
        try:
            plain[key] = _plain(item, depth - 1)
        except _Fault as found:
            found.path.append(f".{key}")
            raise
    return plain


def _list(value: Sequence[Any], depth: int) -> list[Any]:
    if depth == 0:
        raise _Fault(f"nested more than {DEPTH_MAX} deep, or inside itself")
    plain: list[Any] = []
    for index, item in enumerate(value):
        try:
            plain.append(_plain(item, depth - 1))
        except _Fault as found:
            found.path.append(f"[{index}]")
            raise
    return plain
