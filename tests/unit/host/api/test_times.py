from __future__ import annotations

import pytest

from qntx.errors import InvalidRequest
from qntx.host.api.times import time_ms

NOW_MS = 1_784_554_200_500  # 2026-07-20T13:30:00.500Z
DAY_MS = 86_400_000
MIDNIGHT_MS = NOW_MS - NOW_MS % DAY_MS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW_MS),
        ("today", MIDNIGHT_MS),
        ("Yesterday", MIDNIGHT_MS - DAY_MS),
        ("90m", NOW_MS - 90 * 60_000),
        ("2 hours ago", NOW_MS - 2 * 3_600_000),
        ("3 days ago", NOW_MS - 3 * DAY_MS),
        ("1w", NOW_MS - 7 * DAY_MS),
        ("30 s", NOW_MS - 30_000),
        ("1970-01-02", DAY_MS),
        ("1970-01-01T01:00:00Z", 3_600_000),
        ("1970-01-01T01:00:00.250", 3_600_250),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T01:00:00 01:00", 0),
        ("1784554200500", NOW_MS),
    ],
)
def test_times_are_understood_as_people_write_them(text: str, expected: int) -> None:
    assert time_ms("since", text, NOW_MS) == expected


@pytest.mark.parametrize("text", ["", "5", "soon", "2026-13-01", "-3 days ago", "999999999 days ago"])
def test_other_texts_are_refused_with_what_would_be_understood(text: str) -> None:
    with pytest.raises(InvalidRequest, match="3 days ago") as refused:
        time_ms("since", text, NOW_MS)

    assert refused.value.field == "since"
