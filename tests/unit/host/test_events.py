from __future__ import annotations

import asyncio
from contextlib import aclosing

from qntx.host.events import KEPT, HostEvent, Hub


async def test_every_listener_hears_the_kinds_it_asked_for() -> None:
    hub = Hub()
    hub.publish("job", n=0)
    async with aclosing(hub.listen()) as everything, aclosing(hub.listen(["job"])) as jobs:
        first = asyncio.create_task(anext(everything))
        only = asyncio.create_task(anext(jobs))
        await asyncio.sleep(0)

        hub.publish("plugin", name="bio")
        hub.publish("job", n=1)

        assert await first == HostEvent("plugin", {"name": "bio"})
        assert await anext(everything) == HostEvent("job", {"n": 1})
        assert await only == HostEvent("job", {"n": 1})


async def test_a_slow_listener_is_told_what_it_missed_and_then_the_latest() -> None:
    hub = Hub()
    async with aclosing(hub.listen()) as events:
        first = asyncio.create_task(anext(events))
        await asyncio.sleep(0)
        for number in range(KEPT + 6):
            hub.publish("job", n=number)

        heard = [await first] + [await anext(events) for _ in range(KEPT)]

    assert heard[0] == HostEvent("missed", {"events": 6})
    assert [event.data["n"] for event in heard[1:]] == list(range(6, KEPT + 6))
