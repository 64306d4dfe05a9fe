"""How far an attestation is from the world outside: the loop protection of watchers.

What a fired script attests may fire watchers in turn, itself among them; that is how chains are built, and how a script
can feed itself for ever. So each firing has a depth: 0 where the attestation came from outside, one more than the run
that filed it otherwise. Past DEPTH_MAX nothing is fired any more, and the watcher says so.

Which run filed an attestation is told by the marks a run leaves on what it files (its handler's name among the
contexts, its glyph among the actors) and by the time. Runs are remembered in memory only: a restart starts from 0.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from qntx.model.attestation import Attestation

DEPTH_MAX = 50
RUNS_REMEMBERED = 256
"""Of each mark."""


@dataclass(slots=True)
class Run:
    """A firing that runs, or ran."""

    depth: int
    started_ms: int
    ended_ms: int | None = None


class Lineage:
    def __init__(self) -> None:
        self._runs: dict[str, deque[Run]] = {}

    def started(self, marks: Iterable[str], depth: int, now_ms: int) -> Run:
        """The caller sets `ended_ms` when it is over."""
        run = Run(depth, now_ms)
        for mark in marks:
            self._runs.setdefault(mark, deque(maxlen=RUNS_REMEMBERED)).append(run)
        return run

    def depth(self, claim: Attestation) -> int:
        """Of what that attestation fires."""
        at_ms = claim.created_at_ms
        parents = (
            run.depth
            for mark in (*claim.contexts, *claim.actors)
            for run in self._runs.get(mark, ())
            if run.started_ms <= at_ms and (run.ended_ms is None or at_ms <= run.ended_ms)
        )
        return max(parents, default=-1) + 1
