"""Cuts what is too long for one notice of PostgreSQL into several, and joins them where they are heard.

Notices of one sender come in its order, but some may be lost: what has not come whole is dropped.
"""

from __future__ import annotations

import uuid
from typing import Any

FRAGMENT = "fragment"
NOTICE_BYTES_MAX = 7900
"""PostgreSQL passes on less than 8000."""

TEXT_CHARACTERS_MAX = 3800
"""Of a fragment. Its text is JSON, and as a string in JSON a character takes up to two bytes."""
FRAGMENTS_MAX = 400
"""What a run says at once has room: a picture and some text, or as much text as a page shows."""


def fragments(text: str) -> list[dict[str, Any]]:
    """Of a text in ASCII; none where it is too long for that too."""
    count = -(-len(text) // TEXT_CHARACTERS_MAX)
    if count > FRAGMENTS_MAX:
        return []
    event = uuid.uuid4().hex
    pieces = [text[n * TEXT_CHARACTERS_MAX : (n + 1) * TEXT_CHARACTERS_MAX] for n in range(count)]
    return [{"event": event, "number": n, "of": count, "text": piece} for n, piece in enumerate(pieces)]


class Joined:
    """What other hosts have begun to tell."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[str, list[str]]] = {}
        """Of each sender the event, and what has come of it."""

    def add(self, sender: str, fragment: dict[str, Any]) -> str:
        """The whole text, where this was the last of it; empty until then."""
        event, pieces = self._begun.pop(sender, ("", []))
        if event != fragment["event"]:
            pieces = []
        if len(pieces) != fragment["number"]:
            return ""
        pieces.append(fragment["text"])
        if len(pieces) == fragment["of"]:
            return "".join(pieces)
        self._begun[sender] = (fragment["event"], pieces)
        return ""
