"""Real plugin processes of this checkout, with the real engine."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest_asyncio
from tests.conformance.core import Core, Started
from tests.processes import still_alive

MANIFEST = Path(__file__).parents[3] / "variants" / "python" / "plugin.toml"
COMMAND = (sys.executable, "-IB", "-m", "qntx.plugin", "--name", "python", "--manifest", str(MANIFEST))


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Callable[..., Any]]:
    """Starts a plugin with these arguments besides its own. Nothing of it may be left."""
    started: list[Started] = []

    async def start(*arguments: str, **how: Any) -> Started:
        plugin = await Started((*COMMAND, *arguments), "python").start(**how)
        started.append(plugin)
        return plugin

    yield start

    families = [process for plugin in started for process in plugin.family()]
    for plugin in started:
        await plugin.stop()
    assert still_alive(families) == []


@pytest_asyncio.fixture
async def core() -> AsyncIterator[Core]:
    async with Core() as core:
        yield core
        assert core.crashes == []
