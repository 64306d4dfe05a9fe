"""Is a failed job tried again, and after how long?

Pure: the queue knows what happened, and asks here.
"""

from __future__ import annotations

from qntx.model.job import Retry

DELAY_SECONDS_MAX = 60.0


def delay_seconds(retry: Retry, attempts: int) -> float | None:
    """The wait before the next run after that many runs have failed; None when the job has failed for good."""
    if attempts > retry.attempts:
        return None
    return min(retry.delay_seconds * 2.0 ** (attempts - 1), DELAY_SECONDS_MAX)
