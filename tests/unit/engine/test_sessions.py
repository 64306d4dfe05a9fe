"""How many sessions there are, and how long one that nobody uses is kept."""

from __future__ import annotations

import pytest

from qntx.engine.sessions import IDLE_SECONDS_MAX, SESSIONS_MAX, Sessions
from qntx.errors import Busy


class StandIn:
    """What sessions ask of a worker."""

    def __init__(self) -> None:
        self.listener = None
        self.over = False
        self.hung_up = False

    def hang_up(self, why: str = "") -> None:
        self.over = self.hung_up = True


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sessions(clock):
    return Sessions(now=clock)


async def use(sessions: Sessions, name: str, principal: str = "ada") -> StandIn:
    async def fork() -> StandIn:
        return StandIn()

    async with sessions.worker(principal, name, fork) as worker:
        return worker


async def use_all(sessions: Sessions, principal: str) -> int:
    """Begin as many as that principal may have."""
    for number in range(SESSIONS_MAX):
        try:
            await use(sessions, f"s{number}", principal)
        except Busy:
            return number
    return SESSIONS_MAX


async def test_a_session_that_nobody_used_for_half_an_hour_is_ended(sessions, clock):
    unused, used = await use(sessions, "unused"), await use(sessions, "used")
    clock.seconds += IDLE_SECONDS_MAX - 1
    sessions.sweep()
    assert len(sessions) == 2
    await use(sessions, "used")
    clock.seconds += 2

    sessions.sweep()

    assert [session["session_id"] for session in sessions.of("ada")] == ["used"]
    assert (unused.over, unused.hung_up, used.over) == (True, True, False)


async def test_a_session_is_not_ended_under_a_run_however_long_that_takes(sessions, clock):
    async def fork() -> StandIn:
        return StandIn()

    async with sessions.worker("ada", "s", fork) as worker:
        clock.seconds += 10 * IDLE_SECONDS_MAX
        sessions.sweep()

        assert not worker.over

    sessions.sweep()
    assert len(sessions) == 1


async def test_one_who_is_alone_has_half_of_the_places_and_is_refused_until_one_of_them_ends(sessions):
    for number in range(SESSIONS_MAX // 2):
        await use(sessions, f"s{number}")

    with pytest.raises(Busy, match="you have 16 sessions open, and the 16 places left are for others; end one"):
        await use(sessions, "one more")

    await use(sessions, "s0")
    assert sessions.end("ada", "s0")
    await use(sessions, "one more")


async def test_who_has_no_session_finds_a_place_however_many_others_take(sessions):
    taken = {name: await use_all(sessions, name) for name in ("ada", "eve", "joe", "kim", "lea", "max")}

    assert taken == {"ada": 16, "eve": 8, "joe": 4, "kim": 2, "lea": 1, "max": 1}
    with pytest.raises(Busy, match="32 sessions are open, which is as many as are allowed; end one or try later"):
        await use(sessions, "s", "ned")
    await use(sessions, "s0", "max")


async def test_one_that_is_over_time_makes_room_for_a_new_one(sessions, clock):
    await use_all(sessions, "ada")
    clock.seconds += IDLE_SECONDS_MAX + 1

    await use(sessions, "new")

    assert len(sessions) == 1


async def test_a_session_whose_worker_died_starts_anew(sessions):
    first = await use(sessions, "s")
    first.over = True

    assert await use(sessions, "s") is not first
