"""Times as people write them in a query: `2026-01-15`, `2026-01-15T09:30:00Z`, `90m`, `3 days ago`, `yesterday`.

Pure: now is given. A date, and a time without a zone, are taken as UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from qntx.errors import InvalidRequest

_AGO = re.compile(r"(\d{1,6})\s*(s|sec|m|min|h|d|w|second|minute|hour|day|week)s?(?:\s+ago)?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MILLISECONDS = re.compile(r"-?\d{11,15}")


def time_ms(field: str, text: str, now_ms: int) -> int:
    """Milliseconds since 1970. Raises InvalidRequest with what would have been understood."""
    written = text.strip().lower()
    if _MILLISECONDS.fullmatch(written):
        return int(written)
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    if written == "now":
        return now_ms
    if written in ("today", "yesterday"):
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return _ms(midnight - timedelta(days=written == "yesterday"))
    if ago := _AGO.fullmatch(written):
        return now_ms - int(timedelta(**{_UNITS[ago[2][0]]: int(ago[1])}).total_seconds() * 1000)
    try:
        # In a query string "+" stands for a blank, so "+02:00" often arrives as " 02:00".
        moment = datetime.fromisoformat(re.sub(r" (?=\d\d:\d\d$)", "+", text.strip()) if "T" in text else text.strip())
    except ValueError:
        raise InvalidRequest(
            field, f"{text!r} is no time; write 2026-01-15, 2026-01-15T09:30:00Z, '3 days ago', 90m or yesterday"
        ) from None
    return _ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
