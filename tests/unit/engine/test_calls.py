"""How many calls home of one run are under way at once, and how much."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from qntx.engine.calls import CALLS_MAX, Calls
from qntx.engine.untrusted import BUILT_BYTES_MAX, built_bytes


class Home:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        await self.open.wait()
        return name

    async def attest(self, drafts: Sequence[bytes]) -> Sequence[tuple[str, int]]:
        raise NotImplementedError


class Script:
    """A script's calls, and what it is answered."""

    def __init__(self) -> None:
        self.home = Home()
        self.answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.calls = Calls(self.home, self.answers.put_nowait, self.settled)

    async def settled(self) -> None:
        """Nothing was attested."""

    def call(self, number: int, values: int = 0) -> int:
        payload = json.dumps([number, "fetch", {"body": [[]] * values}]).encode()
        self.calls.add(payload)
        return built_bytes(payload)


async def test_past_the_bound_a_call_is_answered_with_that_and_later_ones_are_taken_again() -> None:
    script = Script()
    for number in range(CALLS_MAX):
        script.call(number)

    script.call(CALLS_MAX)

    refused = script.answers.get_nowait()
    assert refused["error"] == "fetch: 64 calls are under way already, which is as much as is taken at once"
    script.home.open.set()
    assert {(await script.answers.get())["number"] for _ in range(CALLS_MAX)} == set(range(CALLS_MAX))
    script.call(7)
    assert await script.answers.get() == {"number": 7, "value": "fetch"}


async def test_few_calls_of_many_values_are_as_much_as_many_of_few() -> None:
    script = Script()
    taken = script.call(0, values=1_000_000)
    assert BUILT_BYTES_MAX / 2 < taken < BUILT_BYTES_MAX

    script.call(1, values=1_000_000)

    assert script.answers.get_nowait()["number"] == 1
    script.home.open.set()
    assert await script.answers.get() == {"number": 0, "value": "fetch"}
    script.call(2, values=1_000_000)
    assert await script.answers.get() == {"number": 2, "value": "fetch"}
