"""What happens, as it happens: `/api/events`, server-sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from qntx.errors import InvalidRequest
from qntx.host.api.attestations import Asked
from qntx.host.api.errors import RESPONSES
from qntx.host.events import Hub
from qntx.host.store.base import AttestationStore
from qntx.host.store.tail import tail
from qntx.host.store.terms import matches
from qntx.model.attestation import Filter
from qntx.wire.record import record_of

ATTESTATION = "attestation"
KINDS = (ATTESTATION, "firing", "glyph", "glyph_fired", "glyph_output", "job", "plugin")
EVENT_STREAM = "text/event-stream"
ALIVE_SECONDS = 15.0
ALIVE = b": still here\n\n"
WAITING_MAX = 64


class Followed(Asked):
    kinds: str = Field(default="", description=f"Any of {', '.join(KINDS)}, separated by commas; left out, all.")
    after: int | None = Field(default=None, ge=0, description="Attestations from after that position; left out, now.")


def router(store: AttestationStore, hub: Hub) -> APIRouter:
    routes = APIRouter(tags=["events"])

    @routes.get("/api/events", responses=RESPONSES, response_class=StreamingResponse)
    async def follow(
        asked: Annotated[Followed, Query()], last_event_id: Annotated[str, Header()] = ""
    ) -> StreamingResponse:
        """Server-sent events: `attestation`, `firing`, `glyph`, `glyph_fired`, `glyph_output`, `job`, `plugin`.

        Also `missed`, where the client is too slow. `glyph` says that one was placed, changed or removed;
        `glyph_output` what the run of one says, of which `/api/python/runs` has what it said before.
        An attestation's event id is its position: a client that comes back with it as Last-Event-ID misses none.
        """
        kinds = _kinds(asked.kinds)
        sources: list[AsyncGenerator[bytes, None]] = []
        if others := [kind for kind in kinds if kind != ATTESTATION]:
            sources.append(_happenings(hub, others))
        if ATTESTATION in kinds:
            resumed = int(last_event_id) if last_event_id.isdecimal() else asked.after
            position = await store.position() if resumed is None else resumed
            sources.append(_attestations(store, asked.filter(), position))
        return StreamingResponse(_merged(sources), media_type=EVENT_STREAM, headers={"Cache-Control": "no-store"})

    return routes


def _kinds(text: str) -> Sequence[str]:
    asked = [kind.strip() for kind in text.split(",") if kind.strip()]
    for kind in asked:
        if kind not in KINDS:
            raise InvalidRequest("kinds", f"{kind!r} is none of {', '.join(KINDS)}")
    return asked or KINDS


async def _attestations(store: AttestationStore, wanted: Filter, position: int) -> AsyncGenerator[bytes, None]:
    async with aclosing(tail(store, position)) as arrivals:
        async for arrived_at, attestation in arrivals:
            if matches(wanted, attestation):
                data = msgspec.json.encode(record_of(attestation))
                yield b"event: attestation\nid: %d\ndata: %s\n\n" % (arrived_at, data)


async def _happenings(hub: Hub, kinds: Sequence[str]) -> AsyncGenerator[bytes, None]:
    async with aclosing(hub.listen(kinds)) as events:
        async for event in events:
            yield b"event: %s\ndata: %s\n\n" % (event.kind.encode(), msgspec.json.encode(event.data))


async def _merged(sources: Sequence[AsyncGenerator[bytes, None]]) -> AsyncGenerator[bytes, None]:
    """All of them as they come, and a sign of life where nothing does."""
    waiting: asyncio.Queue[bytes] = asyncio.Queue(WAITING_MAX)

    async def pass_on(source: AsyncGenerator[bytes, None]) -> None:
        async with aclosing(source) as events:
            async for event in events:
                await waiting.put(event)

    tasks = [asyncio.create_task(pass_on(source)) for source in sources]
    yield ALIVE
    try:
        while True:
            try:
                yield await asyncio.wait_for(waiting.get(), ALIVE_SECONDS)
            except TimeoutError:
                for task in tasks:
                    if task.done():
                        task.result()
                yield ALIVE
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
