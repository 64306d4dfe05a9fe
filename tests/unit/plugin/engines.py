"""An engine that runs no code: tests tell it how each run goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Self

from qntx.engine.api import Event, Home, Settings
from qntx.model.execution import Execution, Outcome, Result


class ScriptedEngine:
    """Ends each run as `code` says: `wait` until cancelled, `home NAME` by calling home, anything else at once."""

    opened: int = 0

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.closed = False
        self.runs: list[Execution] = []
        self._cancelled: dict[str, asyncio.Event] = {}

    async def __aenter__(self) -> Self:
        if self.settings.name == "broken":
            raise OSError("no zygote")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed = True

    async def run(self, execution: Execution, home: Home, on_event: Callable[[Event], None] | None = None) -> Result:
        self.runs.append(execution)
        tell = on_event or (lambda _: None)
        tell(Event(0, "started", {"id": execution.id, "sandbox": "limits"}))
        stopped = self._cancelled[execution.id] = asyncio.Event()
        outcome = Outcome.FINISHED
        if execution.code == "wait":
            await stopped.wait()
            outcome = Outcome.CANCELLED
        if execution.code == "drip":
            for _ in range(5):
                tell(Event(0, "stdout", b"x" * 100))
        if execution.code.startswith("home "):
            await home.call(execution.code.removeprefix("home "), {})
        result = Result(outcome, stdout=execution.code, error="" if outcome is Outcome.FINISHED else "stopped")
        tell(Event(1, "end", result))
        return result

    def cancel(self, execution_id: str) -> bool:
        known = execution_id in self._cancelled
        if known:
            self._cancelled[execution_id].set()
        return known

    def sessions(self, principal: str) -> list[Mapping[str, Any]]:
        return [{"session_id": principal, "runs": 1}]

    async def inspect_session(self, principal: str, session_id: str) -> list[Mapping[str, str]]:
        return [{"name": "x", "type": "int", "repr": "1"}]

    def end_session(self, principal: str, session_id: str) -> bool:
        return True

    def describe(self) -> Mapping[str, Any]:
        return {"ready": True, "sandbox": "limits", "running": 0}
