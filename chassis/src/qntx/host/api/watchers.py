"""Watchers: `/api/watchers`, in the shapes of QNTX's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from qntx.errors import InvalidRequest
from qntx.host.api.access import caller_of
from qntx.host.api.errors import RESPONSES, Body
from qntx.host.api.times import time_ms
from qntx.host.store.base import AttestationStore
from qntx.host.store.terms import FIELDS
from qntx.host.watchers.engine import Engine
from qntx.model.attestation import Filter
from qntx.model.watcher import FIRES_PER_SECOND_DEFAULT, Action, Tally, Watcher
from qntx.wire.record import record_of, rfc3339

FIRES_MAX = 10
NOT_OFFERED = "semantic_match"

ActionType = Literal["python", "plugin_execute", "glyph_execute", "webhook"]


class ChangeBody(Body):
    """What is left out stays as it is."""

    name: str | None = None
    action_type: str | None = Field(default=None, description="python, plugin_execute, glyph_execute or webhook.")
    action_data: str | None = Field(
        default=None,
        description='Code, a URL, or JSON: `{"plugin_name", "handler_name"}`, '
        '`{"target_glyph_id"}` of a glyph on the canvas.',
    )
    glyph: str | None = Field(default=None, description="Who runs a python action: `py`, `py:bio`, …")
    subjects: list[str] | None = Field(default=None, description="Any of these.")
    predicates: list[str] | None = None
    contexts: list[str] | None = None
    actors: list[str] | None = None
    time_start: str | None = Field(default=None, description="RFC 3339; empty for none.")
    time_end: str | None = None
    max_fires_per_second: float | None = Field(default=None, description="Zero is never.")
    enabled: bool | None = None


class CreateBody(ChangeBody):
    id: str = ""


class Fire(BaseModel):
    at_ms: int
    attestation_id: str
    attempts: int
    error: str
    output: str
    attestation: dict[str, Any] | None


class WatcherAnswer(BaseModel):
    id: str
    name: str
    action_type: ActionType
    action_data: str
    glyph: str
    subjects: list[str]
    predicates: list[str]
    contexts: list[str]
    actors: list[str]
    time_start: str | None
    time_end: str | None
    max_fires_per_second: float
    enabled: bool
    plugin: str = Field(description="The plugin that declared it; empty where a person made it.")
    principal: str = Field(
        description="In whose name it fires: the name of the token of who made it, or changed it last; `handler:NAME` "
        "where a handler declares it; empty where no token was demanded."
    )
    fire_count: int
    error_count: int
    last_error: str
    last_fired_at: str | None
    waiting: int = Field(description="Firings that are still to run.")
    waits_for: str = Field(description="What the next of them waits for, beside its turn.")
    created_at: str
    updated_at: str
    recent_fires: list[Fire] | None = Field(default=None, description="Only where they were asked for.")


class QueueStats(BaseModel):
    waiting: int
    by_watcher: dict[str, int]
    paused: dict[str, str] = Field(description="Watchers whose firings wait for something, and for what.")


def router(engine: Engine, store: AttestationStore) -> APIRouter:
    routes = APIRouter(prefix="/api/watchers", tags=["watchers"])

    async def recent(watcher_id: str, fires: int) -> list[Fire] | None:
        return await _recent(engine, store, watcher_id, fires) if fires else None

    async def answer(watcher: Watcher, fires: int = 0) -> WatcherAnswer:
        tally = (await engine.tallies()).get(watcher.id, Tally())
        return _answer(watcher, tally, engine.waits_for(watcher.id), await recent(watcher.id, fires))

    @routes.get("", responses=RESPONSES)
    async def list_all(
        enabled: bool | None = None, fires: Annotated[int, Query(ge=0, le=FIRES_MAX)] = 0
    ) -> list[WatcherAnswer]:
        """All of them; with `fires`, each with the last that set it off."""
        tallies = await engine.tallies()
        return [
            _answer(one, tallies.get(one.id, Tally()), engine.waits_for(one.id), await recent(one.id, fires))
            for one in engine.watchers()
            if enabled is None or one.enabled is enabled
        ]

    @routes.post("", status_code=201, responses=RESPONSES)
    async def create(body: CreateBody, request: Request) -> WatcherAnswer:
        """Make one. It fires for what arrives from now on."""
        if not body.action_type:
            raise InvalidRequest("action_type", "is required")
        empty = Watcher(body.id, "", Filter(), Action.PYTHON, "", max_fires_per_second=FIRES_PER_SECOND_DEFAULT)
        return await answer(await engine.create(_changed(empty, body, caller_of(request).name)))

    @routes.get("/queue/stats", responses=RESPONSES)
    async def stats() -> QueueStats:
        """What waits to be fired."""
        tallies = {name: tally.waiting for name, tally in (await engine.tallies()).items() if tally.waiting}
        paused = {name: reason for name in tallies if (reason := engine.waits_for(name))}
        return QueueStats(waiting=sum(tallies.values()), by_watcher=tallies, paused=paused)

    @routes.get("/{watcher_id:path}", responses=RESPONSES)
    async def get(watcher_id: str, fires: Annotated[int, Query(ge=0, le=FIRES_MAX)] = 0) -> WatcherAnswer:
        """One of them."""
        return await answer(engine.get(watcher_id), fires)

    @routes.put("/{watcher_id:path}", responses=RESPONSES)
    async def change(watcher_id: str, body: ChangeBody, request: Request) -> WatcherAnswer:
        """Change what is given. What waits for it stays. Who changes more than `enabled` is who it fires for."""
        return await answer(await engine.change(_changed(engine.get(watcher_id), body, caller_of(request).name)))

    @routes.delete("/{watcher_id:path}", status_code=204, responses=RESPONSES)
    async def delete(watcher_id: str) -> Response:
        """With all that waits for it."""
        await engine.delete(watcher_id)
        return Response(status_code=204)

    return routes


def _changed(watcher: Watcher, body: ChangeBody, by: str) -> Watcher:
    """With what the body says; what it leaves out as it was."""
    bounds = {"since_ms": ("time_start", body.time_start), "until_ms": ("time_end", body.time_end)}
    wanted: dict[str, Any] = {
        bound: time_ms(name, text, 0) if text else None for bound, (name, text) in bounds.items() if text is not None
    }
    for field in FIELDS:
        if (terms := getattr(body, field)) is not None:
            wanted[field] = tuple(terms)
    said: dict[str, Any] = {
        "name": body.name,
        "action": None if body.action_type is None else _action(body.action_type),
        "action_data": body.action_data,
        "glyph": body.glyph,
        "max_fires_per_second": body.max_fires_per_second,
    }
    said = {name: value for name, value in said.items() if value is not None}
    changed = replace(watcher, wanted=replace(watcher.wanted, **wanted), **said)
    if changed != watcher:
        # It is no longer what the one before asked for.
        changed = replace(changed, principal=by)
    return changed if body.enabled is None else replace(changed, enabled=body.enabled)


def _action(name: str) -> Action:
    if name == NOT_OFFERED:
        raise InvalidRequest("action_type", f"{name} is not offered by this host: it has no embeddings")
    try:
        return Action(name)
    except ValueError:
        known = ", ".join(action.value for action in Action)
        raise InvalidRequest("action_type", f"invalid action_type {name!r}; known are {known}") from None


def _answer(watcher: Watcher, tally: Tally, waits_for: str, fires: list[Fire] | None) -> WatcherAnswer:
    wanted = watcher.wanted
    return WatcherAnswer(
        id=watcher.id,
        name=watcher.name,
        action_type=watcher.action.value,
        action_data=watcher.action_data,
        glyph=watcher.glyph,
        subjects=list(wanted.subjects),
        predicates=list(wanted.predicates),
        contexts=list(wanted.contexts),
        actors=list(wanted.actors),
        time_start=None if wanted.since_ms is None else rfc3339(wanted.since_ms),
        time_end=None if wanted.until_ms is None else rfc3339(wanted.until_ms),
        max_fires_per_second=watcher.max_fires_per_second,
        enabled=watcher.enabled,
        plugin=watcher.plugin,
        principal=watcher.principal,
        fire_count=tally.fire_count,
        error_count=tally.error_count,
        last_error=tally.last_error,
        last_fired_at=rfc3339(tally.last_fired_at_ms) if tally.last_fired_at_ms else None,
        waiting=tally.waiting,
        waits_for=waits_for,
        created_at=rfc3339(watcher.created_at_ms),
        updated_at=rfc3339(watcher.updated_at_ms),
        recent_fires=fires,
    )


async def _recent(engine: Engine, store: AttestationStore, watcher_id: str, fires: int) -> list[Fire]:
    answer = []
    for one in await engine.history(watcher_id, fires):
        claim = await store.get(one.attestation_id)
        answer.append(
            Fire(
                at_ms=one.at_ms,
                attestation_id=one.attestation_id,
                attempts=one.attempts,
                error=one.error,
                output=one.output,
                attestation=record_of(claim) if claim else None,
            )
        )
    return answer
