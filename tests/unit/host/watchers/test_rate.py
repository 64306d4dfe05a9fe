from __future__ import annotations

import pytest

from qntx.host.watchers.rate import earliest_ms, retry_delay_seconds


@pytest.mark.parametrize(
    ("started_ms", "rate", "earliest"),
    [(None, 3.0, 0), (1000, 1.0, 2000), (1000, 4.0, 1250), (1000, 0.5, 3000), (None, 0.0, None), (1000, -1.0, None)],
)
def test_the_next_firing_comes_no_sooner_than_the_rate_allows(
    started_ms: int | None, rate: float, earliest: int | None
) -> None:
    assert earliest_ms(started_ms, rate) == earliest


def test_a_firing_is_tried_six_times_with_growing_waits() -> None:
    assert [retry_delay_seconds(failures) for failures in range(1, 8)] == [1, 2, 4, 8, 16, None, None]
