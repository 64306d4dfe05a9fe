"""When may a watcher fire, and when again after it failed?

Pure: the engine reads the clock, and asks here.
"""

from __future__ import annotations

from collections.abc import Sequence

RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0)


def earliest_ms(started_ms: int | None, max_per_second: float) -> int | None:
    """The first moment of the next firing, when the last one started then; None is never."""
    if max_per_second <= 0:
        return None
    return 0 if started_ms is None else started_ms + int(1000 / max_per_second)


def retry_delay_seconds(failures: int, delays: Sequence[float] = RETRY_SECONDS) -> float | None:
    """The wait after so many failures of one firing; None when it is given up."""
    return delays[failures - 1] if failures <= len(delays) else None
