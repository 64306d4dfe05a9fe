"""A browser's WebSocket to a plugin, `/ws/NAME`, carried as QNTX's core carries one.

Frames are JSON both ways: `{"type": 1, "data": "<base64>", "headers": {…}, "timestamp": <ns>}`, types as in
WebSocketMessage. The plugin hears CONNECT first, a PING every half minute, and CLOSE when the browser goes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from qntx.errors import ChassisError
from qntx.host.api.access import caller_of
from qntx.host.api.errors import fault
from qntx.host.plugins.registry import Plugin, Registry, State
from qntx.protocol.domain_pb2 import WebSocketMessage
from qntx.wire.status import status_of

KINDS = {number: name for name, number in WebSocketMessage.Type.items()}
READY_SECONDS = 5.0
PING_SECONDS = 30.0
PROTOCOL = "qntx-plugin-v1"
CLOSE_SECONDS = 2.0
"""How long a plugin may take to end a connection whose browser is gone."""
WAITING_MAX = 64
"""Frames of the browser that the plugin has not taken yet; after that the browser is not read."""

NORMAL, BROKEN = 1000, 1011
REASON_BYTES_MAX = 123
"""Of a closing frame."""

METADATA_KEY = re.compile(r"[a-z0-9_.-]+")
METADATA_VALUE = re.compile(r"[ -~]*")
OURS = ("grpc-", "qntx-", "authorization")
"""What a page may not say in the host's name."""


def router(registry: Registry, ping_seconds: float = PING_SECONDS) -> APIRouter:
    routes = APIRouter()

    @routes.websocket("/ws/{plugin}")
    async def socket(plugin: str, websocket: WebSocket) -> None:
        try:
            client = (await _ready(registry, plugin)).reached()
        except ChassisError as error:
            await websocket.send_denial_response(fault(status_of(error).http, str(error)))
            return
        offered = websocket.scope.get("subprotocols", [])
        await websocket.accept(PROTOCOL if PROTOCOL in offered else None)
        sent: asyncio.Queue[WebSocketMessage | None] = asyncio.Queue(WAITING_MAX)
        query = list(metadata_of(websocket.query_params.multi_items()))
        answers = client.websocket(_taken(sent), query, caller_of(websocket).name)
        reading = asyncio.create_task(_read(websocket, sent))
        answering = asyncio.create_task(_answer(websocket, sent, answers))
        pinging = asyncio.create_task(_ping(sent, ping_seconds))
        try:
            await asyncio.wait({reading, answering}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                await asyncio.wait({answering}, timeout=CLOSE_SECONDS)
            else:
                answering.result()
        finally:
            for task in (pinging, reading, answering):
                task.cancel()
            await asyncio.gather(pinging, reading, answering, return_exceptions=True)

    return routes


async def _ready(registry: Registry, name: str) -> Plugin:
    """The plugin, which is given a moment to come up."""
    plugin = registry.get(name)
    seen = 0
    try:
        async with asyncio.timeout(READY_SECONDS):
            while plugin.state in (State.LOADING, State.RESTARTING):
                seen = await registry.changed(seen)
    except TimeoutError:
        pass
    return plugin


async def _taken(sent: asyncio.Queue[WebSocketMessage | None]) -> AsyncIterator[WebSocketMessage]:
    """What the plugin is sent, to its end."""
    yield _message(WebSocketMessage.CONNECT)
    while (message := await sent.get()) is not None:
        yield message


async def _read(websocket: WebSocket, sent: asyncio.Queue[WebSocketMessage | None]) -> None:
    """What the browser says. A frame that cannot be read is dropped, as the core drops it."""
    while (received := await websocket.receive())["type"] != "websocket.disconnect":
        if (message := parsed(received.get("text") or received.get("bytes") or "")) is not None:
            await sent.put(message)
    await sent.put(_message(WebSocketMessage.CLOSE))
    await sent.put(None)


async def _ping(sent: asyncio.Queue[WebSocketMessage | None], seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await sent.put(_message(WebSocketMessage.PING))


async def _answer(
    websocket: WebSocket, sent: asyncio.Queue[WebSocketMessage | None], answers: AsyncGenerator[WebSocketMessage, None]
) -> None:
    """What the plugin says, until one of them ends it."""
    code, reason = NORMAL, ""
    try:
        async with aclosing(answers):
            async for message in answers:
                if message.type == WebSocketMessage.DATA:
                    await websocket.send_text(_frame(message))
                elif message.type == WebSocketMessage.PING:
                    await sent.put(_message(WebSocketMessage.PONG, message.timestamp))
                elif message.type == WebSocketMessage.CLOSE:
                    break
                elif message.type == WebSocketMessage.ERROR:
                    code, reason = BROKEN, message.data.decode(errors="replace")
                    break
    except ChassisError as error:
        code, reason = BROKEN, str(error)
    except WebSocketDisconnect:
        return
    if websocket.application_state is WebSocketState.CONNECTED and websocket.client_state is WebSocketState.CONNECTED:
        await websocket.close(code, reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore"))


def parsed(text: str | bytes) -> WebSocketMessage | None:
    """The message that a browser's frame stands for; None where it stands for none."""
    try:
        frame: Any = json.loads(text)
        headers = frame.get("headers") or {}
        return WebSocketMessage(
            type=KINDS[frame["type"]],
            data=base64.b64decode(frame.get("data") or "", validate=True),
            headers={str(name): str(value) for name, value in headers.items()},
            timestamp=time.time_ns(),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def metadata_of(query: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The first value of each parameter that can be metadata."""
    seen: set[str] = set()
    for name, value in query:
        key = name.lower()
        if key in seen or key.startswith(OURS) or key.endswith("-bin"):
            continue
        if METADATA_KEY.fullmatch(key) and METADATA_VALUE.fullmatch(value):
            seen.add(key)
            yield key, value


def _message(kind: WebSocketMessage.Type, timestamp: int = 0) -> WebSocketMessage:
    return WebSocketMessage(type=kind, timestamp=timestamp or time.time_ns())


def _frame(message: WebSocketMessage) -> str:
    return json.dumps(
        {
            "type": int(message.type),
            "data": base64.b64encode(message.data).decode(),
            "headers": dict(message.headers),
            "timestamp": message.timestamp,
        }
    )
