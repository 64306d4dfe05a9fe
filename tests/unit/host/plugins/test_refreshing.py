"""A plugin whose handlers changed is initialised again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from qntx.errors import NotFound
from qntx.host.plugins.refreshing import CHANGED, refresh
from qntx.host.store.memory import MemoryStore
from qntx.host.store.node_key import NodeKey
from qntx.model.attestation import Draft


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    async with MemoryStore(NodeKey(bytes(32)), lambda: 1_800_000_000_000) as store:
        yield store


async def test_each_change_initialises_its_plugin_once_and_no_other(store: MemoryStore) -> None:
    asked: asyncio.Queue[str] = asyncio.Queue()
    await store.add(Draft(["old"], [CHANGED], ["before"]))

    async def reinitialize(name: str) -> None:
        await asked.put(name)
        if name == "nobody":
            raise NotFound("no plugin is called nobody")

    following = asyncio.create_task(refresh(store, reinitialize))
    await asyncio.sleep(0)
    for context in ("nobody", "bio", "bio"):
        await store.add(Draft(["x"], [CHANGED], [context]))
    async with asyncio.timeout(10):
        first = {await asked.get(), await asked.get()}
        await store.add(Draft(["x"], ["something else"], ["bio"]))
        await store.add(Draft(["x"], [CHANGED], ["data"]))
        second = await asked.get()
    following.cancel()

    assert (first, second, asked.empty()) == ({"nobody", "bio"}, "data", True)
