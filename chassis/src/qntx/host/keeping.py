"""What the stores of watchers and of the canvas promise, in a file or in a database that several hosts share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from qntx.host.canvas import Glyph
from qntx.host.watchers.dispatch import Firing
from qntx.host.watchers.storage import Fired
from qntx.model.watcher import Tally, Watcher


class WatcherStorage(Protocol):
    """Watchers, their firings that wait and the last ones that ran."""

    async def watchers(self) -> list[Watcher]:
        """All of them, in the order they were made."""

    async def save(self, watchers: Sequence[Watcher]) -> None:
        """Make or change them. What one did, what waits for it and from where it fires stay as they are."""

    async def delete(self, ids: Sequence[str]) -> None:
        """With everything that waits for them."""

    async def tallies(self) -> dict[str, Tally]: ...

    async def history(self, watcher_id: str, limit: int) -> list[Fired]:
        """The newest first."""

    async def cursor(self) -> int | None:
        """The last position whose attestation was matched; None before the first."""

    async def version(self) -> int:
        """Counted up by every change of a watcher, by whichever host. Read it before `watchers`."""

    async def enqueue(self, firings: Sequence[Firing], cursor: int, *, version: int | None = None) -> None:
        """Keep what is to run and how far the matching is, both or neither.

        Raises Stale where the firings were found with another `version` of the watchers than the present one.
        """

    async def waiting(self) -> list[str]:
        """The watchers for which something waits."""

    async def next(self, watcher_id: str) -> Firing | None:
        """The one of that watcher that is due first."""

    async def postpone(self, firing: Firing, due_ms: int, error: str) -> None:
        """It failed and will be tried again."""

    async def finish(self, firing: Firing, fired: Fired) -> None:
        """It is over, one way or the other."""

    async def refuse(self, watcher_id: str, fired: Fired) -> None:
        """Something was not even tried; the watcher shows why."""


class CanvasStore(Protocol):
    """Which glyphs lie where, what is written in them and what they last answered."""

    async def glyphs(self) -> list[Glyph]:
        """All of them, in the order they were placed."""

    async def glyph(self, glyph_id: str) -> Glyph | None: ...

    async def fed_by(self, glyph_id: str) -> list[str]:
        """The glyphs that are melded to that one."""

    async def ingesting(self, job_id: str) -> list[str]:
        """The ix glyphs whose last job that is."""

    async def put(self, glyph: Glyph, version: str = "") -> None:
        """Place it, or change it; of that version only, where one is named. Its last answer stays.

        One that was removed stays removed.
        """

    async def remove(self, glyph_id: str) -> None:
        """Take it away, with its answer; what it fed is fed by nothing."""

    async def answer(self, glyph_id: str) -> bytes | None:
        """What it last answered, as JSON; None where nothing is kept."""

    async def keep_answer(self, glyph_id: str, answer: bytes) -> None:
        """In place of the one before."""
