"""Who runs, who waits, who is refused."""

from __future__ import annotations

import asyncio

import pytest

from qntx.engine.admission import Admission
from qntx.errors import Busy


async def test_no_more_run_at_once_than_allowed():
    admission = Admission(running_max=2, queued_max=10)
    most = 0

    async def work() -> None:
        nonlocal most
        async with admission.turn("ada"):
            most = max(most, admission.running)
            await asyncio.sleep(0)

    await asyncio.gather(*(work() for _ in range(10)))

    assert most == 2
    assert (admission.running, admission.queued) == (0, 0)


async def test_past_the_bound_on_those_who_wait_one_is_refused_at_once():
    admission = Admission(running_max=1, queued_max=1)
    async with admission.turn("ada"):
        waiting = asyncio.create_task(enter(admission, "ada", []))
        await asyncio.sleep(0)

        with pytest.raises(Busy, match="1 runs are under way and 1 wait"):
            await enter(admission, "eve", [])
    await waiting


async def test_who_asks_for_much_delays_another_by_one():
    admission, order = Admission(running_max=1, queued_max=100), []
    async with admission.turn("x"):
        greedy = [asyncio.create_task(enter(admission, "greedy", order)) for _ in range(5)]
        await asyncio.sleep(0)
        modest = asyncio.create_task(enter(admission, "modest", order))
        await asyncio.sleep(0)
    await asyncio.gather(*greedy, modest)

    assert order.index("modest") == 1


async def test_one_who_stops_waiting_takes_no_place():
    admission, order = Admission(running_max=1, queued_max=100), []
    async with admission.turn("x"):
        gone = asyncio.create_task(enter(admission, "gone", order))
        stays = asyncio.create_task(enter(admission, "stays", order))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        assert admission.queued == 1
    await stays

    assert order == ["stays"]
    assert (admission.running, admission.queued) == (0, 0)


async def enter(admission: Admission, principal: str, order: list[str]) -> None:
    async with admission.turn(principal):
        order.append(principal)
        await asyncio.sleep(0)


async def test_one_that_cannot_begin_yet_counts_as_waiting_and_holds_nobody_up():
    admission = Admission(running_max=1, queued_max=1)
    ready = asyncio.Event()
    began = []

    async def work(name: str, until=None) -> None:
        async with admission.turn(name, until):
            began.append(name)

    held = asyncio.create_task(work("loading", ready.wait))
    await asyncio.sleep(0)
    assert (admission.running, admission.queued) == (0, 1)
    await work("light")
    with pytest.raises(Busy):
        await work("another", ready.wait)
    ready.set()
    await held

    assert began == ["light", "loading"]
    assert (admission.running, admission.queued) == (0, 0)
