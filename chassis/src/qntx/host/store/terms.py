"""How a question is compared with what is kept: OR within a field, AND across fields, ASCII case ignored."""

from __future__ import annotations

from qntx.model.attestation import Attestation, Filter

FIELDS = ("subjects", "predicates", "contexts", "actors")


def fold(term: str) -> str:
    """Equal for terms that differ in the case of ASCII letters alone."""
    return term.lower() if term.isascii() else term.encode().lower().decode()


def matches(wanted: Filter, claim: Attestation) -> bool:
    """Whether that attestation answers the question."""
    if wanted.since_ms is not None and claim.timestamp_ms < wanted.since_ms:
        return False
    if wanted.until_ms is not None and claim.timestamp_ms > wanted.until_ms:
        return False
    return all(_any(getattr(wanted, field), getattr(claim, field)) for field in FIELDS if getattr(wanted, field))


def _any(wanted: tuple[str, ...], there: tuple[str, ...]) -> bool:
    return not {fold(term) for term in wanted}.isdisjoint(map(fold, there))
