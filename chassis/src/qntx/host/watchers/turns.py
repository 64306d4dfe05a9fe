"""Whose turn it is, among hosts that share their watchers.

One host evaluates: it matches what arrives against all watchers. Only the host that ran a script knows by what marks
its attestations are told, so a chain that feeds itself is noticed only where it is matched and run in one place; and
one is enough, at 80,000 attestations a second. The same host runs the firings whose plugins it has. One that it
cannot run is run by another host: whoever has the plugin takes that watcher's turn after a moment, and keeps it while
there is something to run, so that a watcher's firings keep their order and their rate.

A turn is a lock of the host's session with the database, and ends with it: when a host dies, another one evaluates,
from the shared cursor on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

EVALUATING = "the watchers' evaluation"


class Turns(Protocol):
    """`what` is EVALUATING, or a watcher's id."""

    async def take(self, what: str) -> bool:
        """Whether it is this host's turn, now at the latest."""

    async def give(self, what: str) -> None:
        """Let another host have it. Twice is the same as once."""

    def holds(self, what: str) -> bool: ...

    def listen(self, heard: Callable[[], None]) -> AbstractContextManager[None]:
        """Inside, `heard` is called when another host has changed watchers, or found something to run."""


class Alone:
    """The turns of a host that shares with nobody: always its own."""

    async def take(self, what: str) -> bool:
        return True

    async def give(self, what: str) -> None:
        return

    def holds(self, what: str) -> bool:
        return True

    def listen(self, heard: Callable[[], None]) -> AbstractContextManager[None]:
        return nullcontext()
