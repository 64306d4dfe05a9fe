"""Tells hosts that share a database what happens in the others, by its notices.

For eyes and for haste: pages show the jobs of all hosts, and a job that is cancelled here stops there at once. Nothing
depends on it, for a notice can be lost; what must not be missed is in the rows and is looked for there.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from types import TracebackType
from typing import Any, Self

import psycopg
import structlog
from psycopg import AsyncConnection, Connection

from qntx.db.postgres import CONNECT_SECONDS, SILENCE
from qntx.db.postgres_database import Database
from qntx.errors import Unavailable
from qntx.host.events import HostEvent, Hub
from qntx.host.fragments import FRAGMENT, NOTICE_BYTES_MAX, Joined, fragments

CHANNEL = "qntx_events"
KINDS = ("firing", "glyph", "glyph_fired", "glyph_output", "job")
"""Plugins are each host's own, and attestations are followed in the store."""

TOGETHER_SECONDS = 0.05
TOGETHER_MAX = 500
WAITING_MAX = 4000
"""Notices that wait while the database is away; older ones are dropped."""

LOOK_SECONDS = 5.0
AGAIN_SECONDS = 1.0

log = structlog.get_logger("qntx.host.relay")


class Relay:
    """An async context manager."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self._database = database
        self._hub = hub
        self._name = uuid.uuid4().hex
        self._waiting: deque[str] = deque(maxlen=WAITING_MAX)
        self._joined = Joined()
        self._something = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for work in (self._listen(), self._gather(), self._send()):
            self._stack.push_async_callback(_end, asyncio.create_task(work, name="other hosts' events"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _gather(self) -> None:
        async with aclosing(self._hub.listen(KINDS)) as events:
            async for event in events:
                if not event.elsewhere:
                    self._waiting.extend(self._notices(event))
                    self._something.set()

    async def _send(self) -> None:
        while True:
            await self._something.wait()
            await asyncio.sleep(TOGETHER_SECONDS)
            self._something.clear()
            while self._waiting:
                together = min(len(self._waiting), TOGETHER_MAX)
                await self._notify([self._waiting.popleft() for _ in range(together)])

    async def _notify(self, texts: list[str]) -> None:
        def work(connection: Connection) -> None:
            connection.execute("SELECT pg_notify(%s, text) FROM unnest(%s::text[]) AS text", (CHANNEL, texts))

        try:
            await self._database.write(work)
        except Unavailable as error:
            log.debug("other hosts were not told", events=len(texts), reason=str(error))

    def _notices(self, event: HostEvent) -> list[str]:
        """As one or in fragments; without its result where that is too long, and none where all of it is."""
        for data in (event.data, event.data | {"result": None if event.kind == "job" else ""}):
            text = self._encoded(event.kind, data)
            if len(text) <= NOTICE_BYTES_MAX:
                return [text]
            if cut := fragments(text):
                return [self._encoded(FRAGMENT, each) for each in cut]
        return []

    def _encoded(self, kind: str, data: dict[str, Any]) -> str:
        """In ASCII: as many bytes as characters."""
        return json.dumps({"from": self._name, "kind": kind, "data": data})

    async def _listen(self) -> None:
        while True:
            try:
                async with await AsyncConnection.connect(
                    self._database.url, autocommit=True, connect_timeout=CONNECT_SECONDS, **SILENCE
                ) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    await self._hear(connection)
            except psycopg.Error as error:
                log.debug("other hosts are not heard", reason=" ".join(str(error).split()))
                await asyncio.sleep(AGAIN_SECONDS)

    async def _hear(self, connection: AsyncConnection) -> None:
        while True:
            async for notice in connection.notifies(timeout=LOOK_SECONDS):
                self._pass_on(notice.payload)

    def _pass_on(self, text: str) -> None:
        told: dict[str, Any] = json.loads(text)
        if told["from"] == self._name:
            return
        if told["kind"] != FRAGMENT:
            self._hub.pass_on(HostEvent(told["kind"], told["data"], elsewhere=True))
        elif whole := self._joined.add(told["from"], told["data"]):
            self._pass_on(whole)


async def heed(hub: Hub, look: Callable[[], Awaitable[None]]) -> None:
    """Look what is to be stopped here whenever another host has stopped a job; never ends by itself."""
    async with aclosing(hub.listen(("job",))) as events:
        async for event in events:
            if event.elsewhere and event.data["status"] in ("cancelled", "paused"):
                with suppress(Unavailable):
                    await look()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
