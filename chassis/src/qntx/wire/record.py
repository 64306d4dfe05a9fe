"""An attestation as QNTX's own JSON has it: in its REST answers, and as what watchers hand to what they fire.

Times are RFC 3339 texts in UTC; empty attributes and signatures are left out.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from qntx.model.attestation import Attestation

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def record_of(attestation: Attestation) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": attestation.id,
        "subjects": list(attestation.subjects),
        "predicates": list(attestation.predicates),
        "contexts": list(attestation.contexts),
        "actors": list(attestation.actors),
        "timestamp": rfc3339(attestation.timestamp_ms),
        "source": attestation.source,
    }
    if attestation.attributes:
        record["attributes"] = dict(attestation.attributes)
    record["created_at"] = rfc3339(attestation.created_at_ms)
    if attestation.signature:
        record["signature"] = base64.b64encode(attestation.signature).decode()
        record["signer_did"] = attestation.signer_did
    return record


def rfc3339(time_ms: int) -> str:
    """`2026-08-21T21:18:29.123Z`."""
    return (_EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
