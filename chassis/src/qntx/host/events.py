"""What happens in the host, told to whoever listens: firings, jobs, plugin states.

Attestations are not told here: they have a position in the store, and are followed there without a gap.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass
from typing import Any

KEPT = 1000
"""Events that wait for a listener who is slower than they come; older ones are dropped and counted."""


@dataclass(frozen=True, slots=True)
class HostEvent:
    """`kind` is one noun: firing, job, plugin, or missed with the number of `events` that were dropped."""

    kind: str
    data: dict[str, Any]
    elsewhere: bool = False
    """It happened in another host, of those that share a database."""


class Hub:
    """Publishing never waits, and costs nothing while nobody listens."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()

    def publish(self, kind: str, **data: Any) -> None:
        """From the host's own thread."""
        self.pass_on(HostEvent(kind, data))

    def pass_on(self, event: HostEvent) -> None:
        """What was published elsewhere."""
        for listener in self._listeners:
            if listener.wants(event.kind):
                listener.take(event)

    async def listen(self, kinds: Collection[str] = ()) -> AsyncGenerator[HostEvent, None]:
        """What is published from now on; of those kinds, or all where none is named."""
        listener = _Listener(frozenset(kinds))
        self._listeners.add(listener)
        try:
            while True:
                yield await listener.next()
        finally:
            self._listeners.discard(listener)


class _Listener:
    def __init__(self, kinds: frozenset[str]) -> None:
        self._kinds = kinds
        self._waiting: deque[HostEvent] = deque()
        self._missed = 0
        self._something = asyncio.Event()

    def wants(self, kind: str) -> bool:
        return not self._kinds or kind in self._kinds

    def take(self, event: HostEvent) -> None:
        if len(self._waiting) == KEPT:
            self._waiting.popleft()
            self._missed += 1
        self._waiting.append(event)
        self._something.set()

    async def next(self) -> HostEvent:
        await self._something.wait()
        if self._missed:
            missed, self._missed = self._missed, 0
            return HostEvent("missed", {"events": missed})
        event = self._waiting.popleft()
        if not self._waiting:
            self._something.clear()
        return event
