"""The calls home of one run that are under way: so many at once, and so much at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from qntx.engine.api import Home
from qntx.engine.untrusted import BUILT_BYTES_MAX, Unreadable, built_bytes, read_json
from qntx.errors import ChassisError

CALLS_MAX = 64


class Calls:
    """Between the worker's line and its home. `answer` tells the script; each call begins when `settled` returns."""

    def __init__(
        self, home: Home, answer: Callable[[dict[str, Any]], None], settled: Callable[[], Awaitable[None]]
    ) -> None:
        self._home = home
        self._answer = answer
        self._settled = settled
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._built_bytes = 0

    def add(self, payload: bytes) -> None:
        """Take a call as it comes off the line."""
        number, name, arguments = _call(read_json(payload))
        size = built_bytes(payload)
        if self._under_way >= CALLS_MAX or self._built_bytes + size > BUILT_BYTES_MAX:
            many = f"{self._under_way} calls are under way already"
            self._answer({"number": number, "error": f"{name}: {many}, which is as much as is taken at once"})
            return
        self._under_way += 1
        self._built_bytes += size
        task = asyncio.get_running_loop().create_task(self._make(number, name, arguments, size))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def abandon(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _make(self, number: int, name: str, arguments: dict[str, Any], size: int) -> None:
        try:
            # What was attested before the call is there when the call looks for it.
            await self._settled()
            self._answer({"number": number, "value": await self._home.call(name, arguments)})
        except (ChassisError, RuntimeError, ValueError, LookupError, TypeError, OSError) as refused:
            self._answer({"number": number, "error": str(refused)})
        finally:
            # Now, and not when the task is over: the script that is answered may call again at once.
            self._under_way -= 1
            self._built_bytes -= size


def _call(request: Any) -> tuple[int, str, dict[str, Any]]:
    match request:
        case [int(number), str(name), dict(arguments)]:
            return number, name, arguments
    raise Unreadable("a call of unknown form")
