"""Streamed execution over a WebSocket, as the core carries one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from qntx.protocol import domain_pb2
from qntx.protocol.domain_pb2 import WebSocketMessage

DOMAIN = domain_pb2.DESCRIPTOR.services_by_name["DomainPluginService"]


class Page:
    """What a browser does: says things when it likes, hears what comes."""

    def __init__(self, stub: Any) -> None:
        self._said: asyncio.Queue[WebSocketMessage | None] = asyncio.Queue()
        self.call = stub.HandleWebSocket(self._saying(), timeout=60)

    def say(self, value: Any) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self._said.put_nowait(WebSocketMessage(type=WebSocketMessage.DATA, data=data))

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next message of that kind; others are passed over."""
        while True:
            message = await asyncio.wait_for(self.call.read(), 30)
            told = json.loads(message.data) if message.type == WebSocketMessage.DATA else {}
            if told.get("type") == kind:
                return told

    async def _saying(self) -> AsyncIterator[WebSocketMessage]:
        yield WebSocketMessage(type=WebSocketMessage.CONNECT)
        while (message := await self._said.get()) is not None:
            yield message


@pytest.fixture
async def page(start):
    plugin = await start()
    page = Page(plugin.stub(DOMAIN))
    yield page
    page.call.cancel()


async def test_output_streams_and_the_end_carries_the_whole_record(page):
    page.say({"type": "execute", "content": "import time\nprint('ä', flush=True)\ntime.sleep(0.2)\nprint('b')\n7"})

    first = await page.hear("stdout")
    end = await page.hear("end")

    assert first["data"].startswith("ä")
    assert (end["success"], end["stdout"], end["result"]) == (True, "ä\nb\n", 7)


async def test_a_run_is_stopped_by_the_page(page):
    page.say({"type": "execute", "content": "while True: pass"})
    started = await page.hear("started")

    page.say({"type": "cancel", "execution_id": started["execution_id"]})

    end = await page.hear("end")
    assert not end["success"]


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (b"{", "Invalid JSON body"),
        ({"type": "dance"}, "type: 'dance'"),
        ({"type": "execute"}, "Missing 'content' field"),
        ({"type": "execute", "content": "1", "timeout_secs": "x"}, "timeout_secs"),
    ],
)
async def test_what_is_not_understood_is_said_and_the_connection_stays(page, said, fault):
    page.say(said)
    told = await page.hear("error")

    page.say({"type": "execute", "content": "1"})

    assert fault in told["error"]
    assert (await page.hear("end"))["success"]


async def test_a_page_that_goes_away_takes_its_runs_along(start):
    plugin = await start()
    page = Page(plugin.stub(DOMAIN))
    page.say({"type": "execute", "content": "while True: pass"})
    await page.hear("started")

    page.call.cancel()

    for _ in range(200):
        health = await plugin.stub(DOMAIN).Health(domain_pb2.Empty(), timeout=30)
        if health.details["running"] == "0":
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the run goes on")
