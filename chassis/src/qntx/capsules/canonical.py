"""Canonical JSON, and a document left open where the chain will write its place.

Keys in code point order, no whitespace, text as it is. A record is encoded where it arises, by many callers at once;
only its place in the chain, and what the chain counts, are known later, by one. So the text is cut at those holes, and
what the one has left to do is to join a few pieces.
"""

from __future__ import annotations

import json
from typing import Any

HOLE = "\ud800"
"""Stands where the chain writes. A lone surrogate has no UTF-8, so no text that can be kept contains one."""

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_CUT = f'"{HOLE}"'


def encode(document: Any) -> str:
    """The one text of this document. Raises ValueError for NaN and infinity, TypeError for what is not JSON."""
    return _encode(document)


def decode(text: str) -> Any:
    """The document of any JSON text. Raises ValueError where readers may disagree on what it says."""
    return json.loads(text, object_pairs_hook=_unique)


def cut(document: dict[str, Any]) -> tuple[bytes, ...]:
    """The canonical text around the holes. Raises UnicodeEncodeError where other lone surrogates are left."""
    return tuple(piece.encode() for piece in _encode(document).split(_CUT))


def join(pieces: tuple[bytes, ...], values: tuple[str, ...]) -> bytes:
    """The whole text, each hole filled with the JSON text that belongs there."""
    parts = [pieces[0]]
    for value, piece in zip(values, pieces[1:], strict=True):
        parts.append(value.encode())
        parts.append(piece)
    return b"".join(parts)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key occurs twice")
    return document
