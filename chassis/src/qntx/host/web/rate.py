"""May this page be fetched now? Three a second of one host, one a second of one path, a hundred in five minutes.

Pure: the caller brings the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

WINDOW_SECONDS = 300.0
LIMITS = {"host": (3, 1.0), "path": (1, 1.0), "all": (100, WINDOW_SECONDS)}
"""How many in how many seconds, for each thing that is counted."""


class Rate:
    """What was fetched lately."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], deque[float]] = {}

    def take(self, host: str, path: str, now: float) -> float:
        """0 where it may, and then it counts; else how many seconds to wait."""
        self._forget(now)
        counted = [("host", host), ("path", f"{host}{path}"), ("all", "")]
        wait = max(self._wait(key, now) for key in counted)
        if wait == 0:
            for key in counted:
                self._taken.setdefault(key, deque()).append(now)
        return wait

    def _wait(self, key: tuple[str, str], now: float) -> float:
        most, seconds = LIMITS[key[0]]
        recent = [when for when in self._taken.get(key, ()) if when > now - seconds]
        return recent[-most] + seconds - now if len(recent) >= most else 0.0

    def _forget(self, now: float) -> None:
        for key in list(self._old(now)):
            del self._taken[key]

    def _old(self, now: float) -> Iterator[tuple[str, str]]:
        for key, times in self._taken.items():
            while times and times[0] <= now - LIMITS[key[0]][1]:
                times.popleft()
            if not times:
                yield key
