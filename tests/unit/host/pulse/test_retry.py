from __future__ import annotations

import pytest

from qntx.host.pulse.retry import DELAY_SECONDS_MAX, delay_seconds
from qntx.model.job import Retry


def test_a_job_without_retries_fails_with_its_first_run() -> None:
    assert delay_seconds(Retry(), attempts=1) is None


def test_each_delay_is_twice_the_one_before() -> None:
    retry = Retry(attempts=3, delay_seconds=0.5)

    assert [delay_seconds(retry, attempts) for attempts in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, None]


def test_no_delay_is_longer_than_a_minute() -> None:
    assert delay_seconds(Retry(attempts=100, delay_seconds=7.0), attempts=90) == DELAY_SECONDS_MAX


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_delay_of_zero_stays_zero(attempts: int) -> None:
    assert delay_seconds(Retry(attempts=5, delay_seconds=0.0), attempts) == 0.0
