"""When does a schedule fire next?

Pure. A tick that was missed while nothing ran is made up for once, never in a burst: the next time is always after now.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from croniter import CroniterBadDateError, CroniterError, croniter

from qntx.errors import InvalidRequest

INTERVAL_SECONDS_MAX = 366 * 86_400
COLUMNS = 5
SINCE_LAST_RUN = re.compile(rb'"since"\s*:\s*"last_run"')
"""In JSON text a quote within a string is written otherwise, so nothing but a member of an object looks like this."""


def since_last_run(payload_json: bytes, last_run_at_ms: int) -> bytes:
    """The payload with `"since": "last_run"` made that time; null where there was none, and all there is is wanted."""
    last = datetime.fromtimestamp(last_run_at_ms / 1000, UTC).isoformat() if last_run_at_ms else None
    return SINCE_LAST_RUN.sub(f'"since": {json.dumps(last)}'.encode(), payload_json)


def check(interval_seconds: float, cron: str) -> None:
    """Refuse what is no period at all."""
    if cron and interval_seconds:
        raise InvalidRequest("cron", "a schedule has an interval or a cron expression, not both")
    if cron:
        try:
            if len(cron.split()) > COLUMNS:
                # Some take the sixth for seconds, and some the first.
                raise CroniterError("it has more columns; for every few seconds there is the interval")
            croniter(cron).get_next()
        except CroniterBadDateError as fault:
            raise InvalidRequest("cron", f"{cron!r} never comes due") from fault
        except CroniterError as fault:
            raise InvalidRequest(
                "cron",
                f"{cron!r} is no cron expression: {str(fault).rstrip('.')}. It has minute, hour, day, month and day of "
                "the week, in UTC: 0 6 * * 1 is Mondays at six.",
            ) from fault
    elif not 0 < interval_seconds <= INTERVAL_SECONDS_MAX:
        raise InvalidRequest("interval_seconds", f"has to be above 0 and no more than a year, got {interval_seconds:g}")


def next_run_ms(interval_seconds: float, cron: str, *, last_ms: int, now_ms: int) -> int:
    """The first tick after now, on the beat that began at `last_ms`."""
    if cron:
        start = datetime.fromtimestamp(now_ms / 1000, UTC)
        following: datetime = croniter(cron, start).get_next(datetime)
        return int(following.timestamp() * 1000)
    interval_ms = max(1, round(interval_seconds * 1000))
    missed = max(0, now_ms - last_ms) // interval_ms
    return last_ms + (missed + 1) * interval_ms


def next_runs_ms(interval_seconds: float, cron: str, *, now_ms: int, count: int) -> list[int]:
    """The first ticks of a schedule that would be made now."""
    check(interval_seconds, cron)
    found: list[int] = []
    at_ms = now_ms
    for _ in range(count):
        at_ms = next_run_ms(interval_seconds, cron, last_ms=at_ms, now_ms=at_ms)
        found.append(at_ms)
    return found
