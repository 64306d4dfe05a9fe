"""How often the web may be asked."""

from __future__ import annotations

import pytest

from qntx.host.web.rate import LIMITS, Rate


def test_one_path_is_asked_once_a_second() -> None:
    rate = Rate()

    assert rate.take("a.example", "/x", 0.0) == 0
    assert rate.take("a.example", "/x", 0.4) == pytest.approx(0.6)
    assert rate.take("a.example", "/x", 1.0) == 0


def test_one_host_is_asked_three_times_a_second() -> None:
    rate = Rate()

    assert [rate.take("a.example", f"/{number}", 0.0) for number in range(3)] == [0, 0, 0]
    assert rate.take("a.example", "/3", 0.5) == pytest.approx(0.5)
    assert rate.take("b.example", "/3", 0.5) == 0


def test_in_all_a_hundred_are_asked_in_five_minutes() -> None:
    rate = Rate()
    most, seconds = LIMITS["all"]

    for number in range(most):
        assert rate.take(f"{number}.example", "/", 0.0) == 0

    assert rate.take("more.example", "/", 1.0) == pytest.approx(seconds - 1)
    assert rate.take("more.example", "/", seconds) == 0


def test_what_was_refused_does_not_count() -> None:
    rate = Rate()
    rate.take("a.example", "/", 0.0)

    for _ in range(10):
        rate.take("a.example", "/", 0.5)

    assert rate.take("a.example", "/", 1.0) == 0
