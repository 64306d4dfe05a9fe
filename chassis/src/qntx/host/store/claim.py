"""What a signature on an attestation is of.

The canonical JSON of the object
`{"actors", "attributes", "contexts", "id", "predicates", "source", "subjects", "timestamp"}`: lists of texts, the
timestamp in milliseconds, attributes as they are. Anybody with a JSON Canonicalization Scheme library can check it.
`created_at` is left out: it says when a store took the attestation, which is no part of what is claimed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from qntx.host.store.canonical import canonical_json
from qntx.model.attestation import Attestation


class Signer(Protocol):
    """What a store asks for a signature."""

    @property
    def did(self) -> str: ...

    def sign(self, message: bytes) -> bytes: ...


def signed(attestation: Attestation, signer: Signer | None) -> Attestation:
    """The same with the signer's signature; where there is no signer, or one before it, as it is."""
    if signer is None or attestation.signature:
        return attestation
    return replace(attestation, signature=signer.sign(signed_text(attestation)), signer_did=signer.did)


def signed_text(attestation: Attestation) -> bytes:
    claim: dict[str, Any] = {
        "actors": attestation.actors,
        "attributes": attestation.attributes,
        "contexts": attestation.contexts,
        "id": attestation.id,
        "predicates": attestation.predicates,
        "source": attestation.source,
        "subjects": attestation.subjects,
        "timestamp": attestation.timestamp_ms,
    }
    return canonical_json(claim)
