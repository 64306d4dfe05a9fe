"""What runs of glyphs say while they go: told a few times a second, and kept until they end, for who looks in later.

Bounded, as pages show it: the last of the text, and pictures up to a size. All of it is in the answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from qntx.host.events import Hub
from qntx.host.executor import Happened, Script

EVENT = "glyph_output"
TOGETHER_SECONDS = 0.1
TEXT_CHARACTERS_MAX = 200_000
DISPLAY_CHARACTERS_MAX = 1_000_000
SAID_MAX = 500
TOLD = ("stdout", "stderr", "display", "progress", "log")
TEXT = ("stdout", "stderr")


class Transcripts:
    """Of every run of a glyph that is under way in this host."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._under_way: dict[str, _Transcript] = {}

    def began(self, script: Script) -> None:
        self._under_way[script.execution_id] = _Transcript(script, self._hub)

    def happened(self, script: Script, event: Happened) -> None:
        transcript = self._under_way.get(script.execution_id)
        if transcript is not None and event.kind in TOLD and not _too_large(event):
            transcript.take(event)

    def ended(self, script: Script) -> None:
        """Its answer has everything."""
        if transcript := self._under_way.pop(script.execution_id, None):
            transcript.close()

    def under_way(self) -> list[dict[str, Any]]:
        """Each with what it has said so far, the oldest run first."""
        return [transcript.told() for transcript in self._under_way.values()]


class _Transcript:
    def __init__(self, script: Script, hub: Hub) -> None:
        self._script = script
        self._hub = hub
        self._started_at_ms = int(time.time() * 1000)
        self._number = 0
        self._said: list[Happened] = []
        self._waiting: list[Happened] = []
        self._due: asyncio.TimerHandle | None = None

    def take(self, event: Happened) -> None:
        _add(self._waiting, event)
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(TOGETHER_SECONDS, self._tell)

    def told(self) -> dict[str, Any]:
        """`number` counts what was told of it as events: what comes after has a higher one."""
        self._tell()
        return self._named() | {"started_at_ms": self._started_at_ms, "said": _listed(self._said)}

    def close(self) -> None:
        if self._due is not None:
            self._due.cancel()

    def _tell(self) -> None:
        if self._due is None:
            return
        self._due.cancel()
        self._due = None
        self._number += 1
        for event in self._waiting:
            _add(self._said, event)
        self._hub.publish(EVENT, **self._named(), said=_listed(self._waiting))
        self._waiting = []

    def _named(self) -> dict[str, Any]:
        script = self._script
        return {"glyph_id": script.glyph_id, "execution_id": script.execution_id, "number": self._number}


def _add(said: list[Happened], event: Happened) -> None:
    """Text goes on where it stopped, and of progress the latest is enough."""
    kind, data = event
    if kind == "progress":
        said[:] = [each for each in said if each.kind != "progress"]
    elif kind in TEXT and said and said[-1].kind == kind:
        text = said.pop().data["text"] + data["text"]
        event = Happened(kind, {"text": text[-TEXT_CHARACTERS_MAX:]})
    said.append(event)
    del said[:-SAID_MAX]


def _too_large(event: Happened) -> bool:
    if event.kind != "display":
        return False
    return sum(len(value) for value in event.data.values() if isinstance(value, str)) > DISPLAY_CHARACTERS_MAX


def _listed(said: Iterable[Happened]) -> list[dict[str, Any]]:
    return [{"kind": kind, "data": data} for kind, data in said]
