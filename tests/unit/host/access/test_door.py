"""Who is let in, as whom, and for how long."""

from __future__ import annotations

from pathlib import Path

import pytest

from qntx.host.access.door import ANYBODY, LOGIN_SECONDS, LOGINS_MAX, Caller, Denied, Door
from qntx.host.access.roles import Role
from qntx.host.access.throttle import WRONG_MAX
from qntx.host.access.tokens import Tokens

HERE = "10.0.0.1"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(tmp_path / "tokens.json")


@pytest.fixture
def text(tokens: Tokens) -> str:
    return tokens.create("laptop", Role.RUN)


@pytest.fixture
def door(tokens: Tokens, clock: Clock) -> Door:
    return Door(tokens, now=clock)


def logged_in(door: Door, text: str) -> tuple[Caller, str]:
    entered = door.login(text, HERE)
    assert not isinstance(entered, Denied), entered
    return entered


def denied(found: object) -> str:
    assert isinstance(found, Denied)
    return found.error


def test_without_tokens_everybody_may_everything() -> None:
    door = Door()

    assert door.caller("", "", HERE) == ANYBODY
    assert door.login("x", HERE) == (ANYBODY, "")
    assert not door.demanded
    assert door.own_token == ""


def test_a_token_is_its_owner(door: Door, text: str) -> None:
    for header in (f"Bearer {text}", f"bearer  {text} "):
        caller = door.caller(header, "", HERE)
        assert isinstance(caller, Caller)
        assert (caller.name, caller.role) == ("laptop", Role.RUN)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic wrong", "Bearer \x00", "wrong"])
def test_whatever_else_is_nobody(door: Door, text: str, header: str) -> None:
    assert denied(door.caller(header, "", HERE))


def test_the_command_line_of_this_machine_is_let_in_by_a_token_of_its_own(door: Door) -> None:
    caller = door.caller(f"Bearer {door.own_token}", "", HERE)

    assert isinstance(caller, Caller)
    assert caller.role is Role.ADMIN
    assert door.still_known(caller)


def test_the_command_lines_token_makes_no_login(door: Door) -> None:
    assert denied(door.login(door.own_token, HERE))


def test_a_login_is_as_good_as_its_token_until_it_ends(door: Door, text: str, clock: Clock) -> None:
    caller, secret = logged_in(door, text)

    assert door.caller("", secret, HERE) == caller
    clock.now = LOGIN_SECONDS
    assert denied(door.caller("", secret, HERE)) == "that login has ended; log in again"
    assert not door.still_known(caller)


def test_a_logout_ends_that_login_alone(door: Door, text: str) -> None:
    first, secret = logged_in(door, text)
    second, _ = logged_in(door, text)

    door.logout(secret)

    assert denied(door.caller("", secret, HERE))
    assert not door.still_known(first)
    assert door.still_known(second)


def test_a_revoked_token_ends_its_logins(door: Door, text: str, tokens: Tokens) -> None:
    caller, secret = logged_in(door, text)

    tokens.revoke("laptop")
    tokens.create("laptop", Role.ADMIN)

    assert denied(door.caller("", secret, HERE))
    assert denied(door.caller(f"Bearer {text}", "", HERE))
    assert not door.still_known(caller)


def test_a_wrong_token_is_not_made_good_by_a_login(door: Door, text: str) -> None:
    _, secret = logged_in(door, text)

    assert denied(door.caller("Bearer wrong", secret, HERE))


def test_who_guesses_is_not_heard_any_more_even_with_the_right_one(door: Door, text: str, clock: Clock) -> None:
    _, secret = logged_in(door, text)
    for number in range(WRONG_MAX):
        door.caller(f"Bearer {number}", "", HERE) if number % 2 else door.login(str(number), HERE)

    for refused in (door.caller(f"Bearer {text}", "", HERE), door.login(text, HERE)):
        assert isinstance(refused, Denied)
        assert refused.wait_seconds > 0
    assert isinstance(door.caller("", secret, HERE), Caller), "who is in already is not put out"
    assert isinstance(door.caller(f"Bearer {text}", "", "10.0.0.2"), Caller)
    clock.now = 61.0
    assert isinstance(door.caller(f"Bearer {text}", "", HERE), Caller)


def test_there_are_no_more_logins_than_that(door: Door, text: str) -> None:
    _, first = logged_in(door, text)

    for _ in range(LOGINS_MAX):
        _, last = logged_in(door, text)

    assert denied(door.caller("", first, HERE))
    assert isinstance(door.caller("", last, HERE), Caller)
