from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from qntx.errors import InvalidRequest
from qntx.host.pulse.due import INTERVAL_SECONDS_MAX, check, next_run_ms, next_runs_ms, since_last_run


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_the_next_tick_is_one_interval_after_the_last() -> None:
    assert next_run_ms(60, "", last_ms=1_000, now_ms=1_500) == 61_000


def test_ticks_that_were_missed_are_not_made_up_for_in_a_burst() -> None:
    assert next_run_ms(10, "", last_ms=0, now_ms=95_000) == 100_000


def test_a_tick_on_the_very_moment_is_followed_by_the_next_one() -> None:
    assert next_run_ms(10, "", last_ms=0, now_ms=10_000) == 20_000


def test_cron_is_read_in_utc() -> None:
    assert next_run_ms(0, "30 6 * * 1", last_ms=0, now_ms=at("2026-11-21T12:00")) == at("2026-11-23T06:30")


def test_the_next_runs_are_those_of_a_schedule_made_now() -> None:
    now_ms = at("2026-11-21T12:00")

    assert next_runs_ms(60, "", now_ms=now_ms, count=2) == [now_ms + 60_000, now_ms + 120_000]
    assert next_runs_ms(0, "30 6 * * 1", now_ms=now_ms, count=2) == [at("2026-11-23T06:30"), at("2026-11-30T06:30")]


@pytest.mark.parametrize(
    ("interval_seconds", "cron", "field"),
    [
        (0, "", "interval_seconds"),
        (-5, "", "interval_seconds"),
        (float("nan"), "", "interval_seconds"),
        (INTERVAL_SECONDS_MAX + 1, "", "interval_seconds"),
        (0, "every day", "cron"),
        (0, "0 0 30 2 *", "cron"),
        (0, "*/5 * * * * *", "cron"),
        (60, "* * * * *", "cron"),
    ],
)
def test_what_is_no_period_is_refused_with_its_field(interval_seconds: float, cron: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(interval_seconds, cron)

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("payload", "last_ms", "expected"),
    [
        (b'{"since":"last_run"}', 1_700_000_000_000, {"since": "2023-11-14T22:13:20+00:00"}),
        (
            b'{"options": {"since" : "last_run"}}',
            1_700_000_000_000,
            {"options": {"since": "2023-11-14T22:13:20+00:00"}},
        ),
        (b'{"since": "last_run"}', 0, {"since": None}),
        (b'{"since": "last_runs", "x": "last_run"}', 1, {"since": "last_runs", "x": "last_run"}),
    ],
)
def test_since_last_run_is_that_time(payload: bytes, last_ms: int, expected: object) -> None:
    assert json.loads(since_last_run(payload, last_ms)) == expected


def test_code_that_speaks_of_since_last_run_is_left_alone() -> None:
    payload = json.dumps({"script_code": 'x = {"since": "last_run"}'}).encode()

    assert since_last_run(payload, 1) == payload
