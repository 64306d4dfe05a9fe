"""A run watched over a WebSocket: DATA frames of JSON, both ways.

The page sends `{"type": "execute", "content": …}` with the fields of POST /execute, or `{"type": "cancel"}`. It is sent
`started`, `stdout`, `stderr`, `display`, `progress`, `log` and, last, `end` with the whole record; or `error`.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from qntx.engine.api import Event
from qntx.errors import ChassisError, InvalidRequest
from qntx.model.execution import Execution, Trigger
from qntx.plugin import requests
from qntx.plugin.executor import Executor
from qntx.plugin.fields import Fields, json_object
from qntx.protocol.domain_pb2 import WebSocketMessage
from qntx.wire.execution import record

RUNS_MAX = 16
"""Of one connection at once."""


class Conversation:
    """One browser's connection."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._outbox: asyncio.Queue[WebSocketMessage | None] = asyncio.Queue()
        self._runs: dict[str, asyncio.Task[None]] = {}

    async def messages(self, incoming: AsyncIterator[WebSocketMessage]) -> AsyncIterator[WebSocketMessage]:
        """What is to be sent, until the other side closes. Its runs end with it."""
        reader = asyncio.create_task(self._read(incoming))
        try:
            while (message := await self._outbox.get()) is not None:
                yield message
        finally:
            reader.cancel()
            for run in self._runs.values():
                run.cancel()
            await asyncio.gather(reader, *self._runs.values(), return_exceptions=True)

    async def _read(self, incoming: AsyncIterator[WebSocketMessage]) -> None:
        try:
            async for message in incoming:
                if message.type == WebSocketMessage.PING:
                    self._outbox.put_nowait(_frame(WebSocketMessage.PONG, timestamp=message.timestamp))
                elif message.type == WebSocketMessage.DATA:
                    self._take(message.data)
                elif message.type == WebSocketMessage.CLOSE:
                    self._outbox.put_nowait(_frame(WebSocketMessage.CLOSE))
                    return
        finally:
            self._outbox.put_nowait(None)

    def _take(self, data: bytes) -> None:
        try:
            wanted = json_object(data)
            match wanted.get("type"):
                case "execute":
                    self._start(Fields(wanted))
                case "cancel":
                    self._cancel(Fields(wanted).text("execution_id"))
                case other:
                    raise InvalidRequest("type", f"{other!r} is neither 'execute' nor 'cancel'")
        except ChassisError as refusal:
            self._refuse(refusal)

    def _start(self, fields: Fields) -> None:
        if len(self._runs) >= RUNS_MAX:
            raise InvalidRequest("type", f"{RUNS_MAX} executions are under way on this connection already")
        asked = requests.execute(fields, self._executor.new_id(), self._executor.limits)
        execution = replace(asked, trigger=Trigger("websocket"))
        self._runs[execution.id] = asyncio.create_task(self._run(execution))

    def _cancel(self, execution_id: str) -> None:
        for known in [execution_id] if execution_id else list(self._runs):
            self._executor.cancel(known)

    async def _run(self, execution: Execution) -> None:
        teller = _Teller(execution.id, self._say)
        try:
            result = await self._executor.run(execution, teller.on_event)
            # Spliced, because a result is carried as the worker wrote it.
            told = record(
                result,
                type="end",
                execution_id=execution.id,
                displays=list(result.displays),
                capsule_id=result.capsule_id,
            )
            self._outbox.put_nowait(_frame(WebSocketMessage.DATA, told))
        except ChassisError as refusal:
            self._refuse(refusal, execution.id)
        finally:
            self._runs.pop(execution.id, None)

    def _refuse(self, refusal: ChassisError, execution_id: str = "") -> None:
        told = {"type": "error", "error": str(refusal), "field": getattr(refusal, "field", "")}
        self._say({**told, "execution_id": execution_id} if execution_id else told)

    def _say(self, value: dict[str, Any]) -> None:
        data = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        self._outbox.put_nowait(_frame(WebSocketMessage.DATA, data))


class _Teller:
    """Turns the events of a run into messages. Output is cut anywhere, so characters are put together again."""

    def __init__(self, execution_id: str, say: Any) -> None:
        self._id = execution_id
        self._say = say
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {"stdout": decoder("replace"), "stderr": decoder("replace")}

    def on_event(self, event: Event) -> None:
        told = {"type": event.kind, "execution_id": self._id, "sequence": event.sequence}
        match event.kind:
            case "stdout" | "stderr":
                self._say({**told, "data": self._decoders[event.kind].decode(event.data)})
            case "display" | "progress" | "log":
                self._say({**told, "data": event.data})
            case "started":
                self._say({**told, "sandbox": event.data.get("sandbox", "")})


def _frame(kind: WebSocketMessage.Type, data: bytes = b"", timestamp: int = 0) -> WebSocketMessage:
    return WebSocketMessage(type=kind, data=data, timestamp=timestamp or time.time_ns())
