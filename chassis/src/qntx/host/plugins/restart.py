"""When is a plugin that stopped started again? At once the first time, then ever later while it keeps failing.

Pure: the supervisor reads the clock, and asks here.
"""

from __future__ import annotations

DELAY_SECONDS_FIRST = 1.0
DELAY_SECONDS_MAX = 60.0
STEADY_SECONDS = 60.0
"""Who ran this long has recovered: what failed before is forgotten."""


def failures_after(failures: int, ran_seconds: float) -> int:
    """How many times in a row it has failed, now that it stopped after running that long."""
    return 1 if ran_seconds >= STEADY_SECONDS else failures + 1


def delay_seconds(failures: int) -> float:
    """How long to wait before the next start: 0, 1, 2, 4, … up to a minute."""
    if failures <= 1:
        return 0.0
    doublings = min(failures - 2, 16)
    return min(DELAY_SECONDS_FIRST * (1 << doublings), DELAY_SECONDS_MAX)
