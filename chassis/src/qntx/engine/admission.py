"""Who may run now, who waits, and who is refused."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from qntx.errors import Busy


class Admission:
    """A bound on runs under way and one on runs that wait.

    Principals that wait take turns, so that one who asks for a hundred runs delays another by one, not by a hundred.
    """

    def __init__(self, running_max: int, queued_max: int) -> None:
        self.running_max = running_max
        self.queued_max = queued_max
        self.running = 0
        self._unready = 0
        self._in_line = 0
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def queued(self) -> int:
        return self._unready + self._in_line

    @asynccontextmanager
    async def turn(self, principal: str, until: Callable[[], Awaitable[None]] | None = None) -> AsyncIterator[None]:
        """Wait for a place among the runs under way and hold it. Raises Busy where too many wait already.

        A run that could not begin yet waits for `until` before it gets in line: it counts as one that waits.
        """
        if until is not None:
            await self._wait_until(until)
        await self._enter(principal)
        try:
            yield
        finally:
            self._leave()

    async def _wait_until(self, until: Callable[[], Awaitable[None]]) -> None:
        self._check_room()
        self._unready += 1
        try:
            await until()
        finally:
            self._unready -= 1

    def _check_room(self) -> None:
        if self.queued >= self.queued_max:
            raise Busy(
                f"{self.running} runs are under way and {self.queued} wait, which is as many as are allowed; "
                "try again when some have ended"
            )

    async def _enter(self, principal: str) -> None:
        if self.running < self.running_max and not self._waiting:
            self.running += 1
            return
        self._check_room()
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(principal, deque()).append(place)
        self._in_line += 1
        try:
            await place
        except asyncio.CancelledError:
            self._give_up(principal, place)
            raise

    def _give_up(self, principal: str, place: asyncio.Future[None]) -> None:
        if place.done() and not place.cancelled():
            self._leave()
        elif place in (line := self._waiting.get(principal, deque())):
            line.remove(place)
            if not line:
                del self._waiting[principal]
            self._in_line -= 1

    def _leave(self) -> None:
        self.running -= 1
        while self._waiting and self.running < self.running_max:
            principal, line = self._waiting.popitem(last=False)
            place = line.popleft()
            if line:
                self._waiting[principal] = line
            self._in_line -= 1
            # One that was cancelled this very moment has not left the line yet, and needs no place.
            if not place.done():
                self.running += 1
                place.set_result(None)
