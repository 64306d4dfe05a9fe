"""How many wrong tokens an address may try."""

from __future__ import annotations

import pytest

from qntx.host.access.throttle import ADDRESSES_MAX, WINDOW_SECONDS, WRONG_MAX, Throttle


def worn_out(throttle: Throttle, address: str, now: float = 0.0) -> None:
    for _ in range(WRONG_MAX):
        throttle.wrong(address, now)


def test_so_many_wrong_ones_are_heard_and_then_none_until_the_minute_is_over() -> None:
    throttle = Throttle()
    for number in range(WRONG_MAX):
        assert throttle.wait("10.0.0.1", number) == 0
        throttle.wrong("10.0.0.1", number)

    assert throttle.wait("10.0.0.1", 10) == WINDOW_SECONDS - 10
    assert throttle.wait("10.0.0.1", WINDOW_SECONDS) == 0


def test_other_addresses_are_heard() -> None:
    throttle = Throttle()
    worn_out(throttle, "10.0.0.1")

    assert throttle.wait("10.0.0.2", 0) == 0


@pytest.mark.parametrize("other", ["2001:db8::2", "2001:db8:0:0:ffff::1"])
def test_addresses_of_one_ipv6_network_are_one(other: str) -> None:
    throttle = Throttle()
    worn_out(throttle, "2001:db8::1")

    assert throttle.wait(other, 0) > 0
    assert throttle.wait("2001:db8:0:1::1", 0) == 0


def test_an_ipv4_address_written_as_ipv6_is_itself() -> None:
    throttle = Throttle()
    worn_out(throttle, "::ffff:10.0.0.1")

    assert throttle.wait("10.0.0.1", 0) > 0
    assert throttle.wait("::ffff:10.0.0.2", 0) == 0


def test_no_more_than_so_many_addresses_are_remembered() -> None:
    throttle = Throttle()
    worn_out(throttle, "first")

    for number in range(ADDRESSES_MAX):
        throttle.wrong(str(number), 0)

    assert throttle.wait("first", 0) == 0
