from __future__ import annotations

import asyncio

from qntx.host.pulse.slots import Slots


async def test_the_lowest_rank_goes_first_and_the_first_come_within_one() -> None:
    slots = Slots(1)
    order: list[str] = []

    async def enter(name: str, rank: tuple[int, int]) -> None:
        async with slots.hold(rank):
            order.append(name)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group, slots.hold((0, 0)):
        for name, rank in (("late", (0, 9)), ("early", (0, 1)), ("urgent", (-5, 99)), ("early too", (0, 1))):
            group.create_task(enter(name, rank))
            await asyncio.sleep(0)

    assert order == ["urgent", "early", "early too", "late"]


async def test_one_that_stops_waiting_takes_no_slot_with_it() -> None:
    slots = Slots(1)
    async with slots.hold((0, 0)):
        waiting = asyncio.create_task(_enter(slots))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)

    await asyncio.wait_for(_enter(slots), 1)


async def _enter(slots: Slots) -> None:
    async with slots.hold((0, 0)):
        pass
