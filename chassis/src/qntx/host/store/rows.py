"""What a row of an attestation holds, in SQLite and in PostgreSQL alike.

Texts of terms and attributes are JSON, which has a form for every character; PostgreSQL's own texts hold no NUL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from qntx.model.attestation import Attestation

COUNT_BITS = 20
"""So many bits of a row's number count the rows of one millisecond."""

COLUMNS = "number, id, subjects, predicates, contexts, actors, timestamp_ms, source, attributes, signature, signer_did"

_encode = msgspec.json.Encoder().encode
_terms = msgspec.json.Decoder(tuple[str, ...]).decode
_attributes = msgspec.json.Decoder(dict[str, Any]).decode


def row_of(number: int, attestation: Attestation) -> tuple[Any, ...]:
    return (
        number,
        attestation.id,
        _encode(attestation.subjects).decode(),
        _encode(attestation.predicates).decode(),
        _encode(attestation.contexts).decode(),
        _encode(attestation.actors).decode(),
        attestation.timestamp_ms,
        attestation.source,
        _encode(attestation.attributes).decode(),
        attestation.signature,
        attestation.signer_did,
    )


def attestation_of(row: Sequence[Any]) -> Attestation:
    number, id_, subjects, predicates, contexts, actors, timestamp_ms, source, attributes, signature, signer_did = row
    # By place: names cost a sixth of it all, and of every answer.
    return Attestation(
        id_,
        _terms(subjects),
        _terms(predicates),
        _terms(contexts),
        _terms(actors),
        timestamp_ms,
        number >> COUNT_BITS,
        source,
        _attributes(attributes),
        signature,
        signer_did,
    )
