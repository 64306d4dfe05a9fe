"""An engine with real processes, and a home that remembers what reached it."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import pytest

from qntx.engine.api import Settings
from qntx.engine.pool import Pool
from qntx.model.execution import Execution, Limits, Result

_ids = itertools.count()


class RecordingHome:
    """Keeps what is attested; refuses where it is told to."""

    def __init__(self) -> None:
        self.drafts: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refuse = ""

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        self.calls.append((name, dict(arguments)))
        if self.refuse:
            raise RuntimeError(self.refuse)
        return None

    async def attest(self, drafts: Sequence[bytes]) -> Sequence[tuple[str, int]]:
        if self.refuse:
            raise RuntimeError(self.refuse)
        first = len(self.drafts)
        self.drafts += map(json.loads, drafts)
        return [(f"AS{first + n}", 1000 + first + n) for n in range(len(drafts))]


def make_execution(code: str, *, limits: Limits | None = None, **fields: Any) -> Execution:
    return Execution(code=code, id=f"run-{next(_ids)}", limits=limits or Limits(timeout_seconds=20), **fields)


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    async with Pool(Settings(name="python", running_max=4)) as opened:
        yield opened


@pytest.fixture
def home() -> RecordingHome:
    return RecordingHome()


@pytest.fixture
def run(pool: Pool, home: RecordingHome) -> Callable[..., Any]:
    async def run(code: str, **fields: Any) -> Result:
        return await pool.run(make_execution(code, **fields), home)

    return run


@pytest.fixture
def execution() -> Callable[..., Execution]:
    return make_execution
