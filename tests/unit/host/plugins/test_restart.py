"""When a plugin that stopped is started again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qntx.host.plugins.restart import DELAY_SECONDS_MAX, STEADY_SECONDS, delay_seconds, failures_after


def test_the_first_failure_is_answered_at_once() -> None:
    assert delay_seconds(failures_after(0, ran_seconds=5)) == 0


def test_each_further_failure_waits_twice_as_long() -> None:
    assert [delay_seconds(failures) for failures in range(1, 6)] == [0, 1, 2, 4, 8]


def test_who_ran_steadily_starts_counting_anew() -> None:
    assert failures_after(7, ran_seconds=STEADY_SECONDS) == 1
    assert failures_after(7, ran_seconds=STEADY_SECONDS - 1) == 8


@given(st.integers(min_value=0, max_value=10**9))
def test_the_delay_is_bounded(failures: int) -> None:
    assert 0 <= delay_seconds(failures) <= DELAY_SECONDS_MAX
