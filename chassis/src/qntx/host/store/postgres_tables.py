"""The tables of the PostgreSQL store: their shape, and what goes into a row.

Rows are numbered as in the SQLite store, by when they were taken (milliseconds << 20 | count), so that backwards is
"newest first"; `position` counts arrivals. A term that several rows share is kept once; `post` lists, by term, the
numbers of the rows that have it, so that an answer is read off the end of an index and never sorted as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache

from qntx.host.store.terms import FIELDS
from qntx.model.attestation import Attestation, Filter

SCHEMA = (
    (
        """
        CREATE TABLE qntx.attestation (
            number bigint PRIMARY KEY,
            position bigint NOT NULL UNIQUE,
            id text NOT NULL UNIQUE,
            timestamp_ms bigint NOT NULL,
            subjects text NOT NULL,
            predicates text NOT NULL,
            contexts text NOT NULL,
            actors text NOT NULL,
            source text NOT NULL,
            attributes text NOT NULL,
            signature bytea NOT NULL,
            signer_did text NOT NULL
        )
        """,
        "CREATE INDEX attestation_timestamp ON qntx.attestation (timestamp_ms, number)",
        """
        CREATE TABLE qntx.term (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            token bytea NOT NULL UNIQUE
        )
        """,
        "CREATE TABLE qntx.post (term bigint NOT NULL, number bigint NOT NULL, PRIMARY KEY (term, number))",
        # The planner has to know the frequent terms from the rare ones.
        "ALTER TABLE qntx.post ALTER COLUMN term SET STATISTICS 1000",
    ),
)

COLUMN_TYPES = ["int8", "text", "text", "text", "text", "text", "int8", "text", "text", "bytea", "text", "int8"]
"""Of the columns of a row, and the position after them."""

WHOLE_BYTES_MAX = 1000
"""Of a term. Longer ones do not fit an index, and are known by their beginning and a digest."""

BEGINNING_BYTES = 200
LETTERS = dict(zip(FIELDS, (b"s", b"p", b"c", b"a"), strict=True))


def tokens_of(attestation: Attestation) -> set[bytes]:
    return {token(field, term) for field in FIELDS for term in getattr(attestation, field)}


def asked_of(wanted: Filter) -> Iterator[set[bytes]]:
    """The tokens of each field that a filter asks for."""
    for field in FIELDS:
        if terms := getattr(wanted, field):
            yield {token(field, term) for term in terms}


@lru_cache(maxsize=16_384)
def token(field: str, term: str) -> bytes:
    """Folds as `fold` does: lower() of bytes changes ASCII letters alone."""
    folded = term.encode().lower()
    if len(folded) > WHOLE_BYTES_MAX:
        # 0xFF is in no UTF-8, so no whole term looks like this.
        folded = folded[:BEGINNING_BYTES] + b"\xff" + hashlib.sha256(folded).digest()
    return LETTERS[field] + folded
