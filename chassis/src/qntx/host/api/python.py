"""Runs Python: `/api/python/execute` and `/api/python/evaluate`, answered at the end or streamed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from qntx.errors import ChassisError, InvalidRequest
from qntx.host.api.access import caller_of
from qntx.host.api.errors import RESPONSES, Body
from qntx.host.executor import Executor, Happened, Script
from qntx.host.transcripts import Transcripts
from qntx.model.execution import CLIENT_HEADER, Mode, Trigger

T = TypeVar("T")

TIMEOUT_SECONDS_MAX = 24 * 3600.0
CLIENT_CLOSED_REQUEST = 499
EVENT_STREAM = "text/event-stream"
CLIENTS = {"cli": Trigger("cli")}
"""What programs may say that they are; it is recorded, and nothing else follows from it."""

Code = Annotated[str | None, Field(description="The code to run.")]


class _Common(Body):
    glyph: str = Field(default="py", description="Which variant runs it: `py`, `py:bio`, `py:data`, …")
    timeout_secs: float | None = Field(
        default=None, ge=0, le=TIMEOUT_SECONDS_MAX, description="Its deadline; not set, the variant's own."
    )
    capture_variables: bool = Field(default=False, description="Answer with the script's own variables too.")
    glyph_id: str = Field(default="", description="The glyph on the canvas that it stands in.")
    session_id: str = Field(default="", description="Runs that name the same session share their variables.")
    upstream: Any = Field(default=None, description="What the script sees as `upstream`.")
    execution_id: str = Field(default="", max_length=128, description="Sent again, it is the same run, not a second.")
    stream: bool = Field(default=False, description="Answer with server-sent events while it runs.")


class ExecuteBody(_Common):
    content: Code = None
    code: Code = None


class EvaluateBody(_Common):
    expr: Code = None
    content: Code = None
    code: Code = None


class CancelBody(Body):
    execution_id: str


class ExecutionAnswer(BaseModel):
    """How a run ended. A script that fails is an answer: `success` is false and `error` says why."""

    success: bool
    stdout: str
    stderr: str
    result: Any = Field(description="`_result` where the code sets it, else the value of its last expression.")
    error: str | None = Field(description="The traceback, or why there is none; null exactly when it succeeded.")
    duration_ms: float
    displays: list[dict[str, Any]] = Field(description="What it showed, each as MIME types with their content.")
    glyph: str
    provider: str
    execution_id: str
    capsule_id: str = Field(description="Its record: `/api/v1/capsules/{capsule_id}`.")
    outcome: str = Field(description="finished, raised, timed_out, cancelled, out_of_memory or killed.")
    truncated: bool = Field(description="Whether more was printed than is kept.")
    variables: dict[str, str] | None = Field(default=None, description="Only where they were asked for.")
    try_glyphs: list[str] | None = Field(default=None, description="Glyphs that have the module that was missing.")


class Cancelled(BaseModel):
    cancelled: bool


class Said(BaseModel):
    kind: str = Field(description="stdout, stderr, display, progress or log.")
    data: dict[str, Any]


class UnderWay(BaseModel):
    """A run of a glyph on the canvas that goes on."""

    glyph_id: str
    execution_id: str
    started_at_ms: int
    number: int = Field(description="Of its last `glyph_output` event: those with a higher one go on from here.")
    said: list[Said] = Field(description="What it has said so far, as far as that is shown while it goes.")


class UnderWayList(BaseModel):
    runs: list[UnderWay]


_ANSWERS: dict[int | str, dict[str, Any]] = RESPONSES | {
    200: {
        "model": ExecutionAnswer,
        "description": "How the run ended. As server-sent events: `started`, `stdout`, `stderr`, `display`, "
        "`progress`, `log`, and last `end` with this object, or `error` where the plugin was lost.",
        "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
    }
}


def router(executor: Executor, transcripts: Transcripts) -> APIRouter:
    routes = APIRouter(prefix="/api/python", tags=["python"])

    @routes.post("/execute", responses=_ANSWERS, response_class=Response)
    async def execute(body: ExecuteBody, request: Request) -> Response:
        """Run a script."""
        code = _one_of(content=body.content, code=body.code)
        return await _answered(executor, _script(body, code, Mode.EXECUTE, request), body.stream, request)

    @routes.post("/evaluate", responses=_ANSWERS, response_class=Response)
    async def evaluate(body: EvaluateBody, request: Request) -> Response:
        """Run one expression; its value is the result."""
        code = _one_of(expr=body.expr, content=body.content, code=body.code)
        return await _answered(executor, _script(body, code, Mode.EVALUATE, request), body.stream, request)

    @routes.post("/cancel", responses=RESPONSES)
    async def cancel(body: CancelBody) -> Cancelled:
        """Stop a run; it then ends as cancelled."""
        return Cancelled(cancelled=await executor.cancel(body.execution_id))

    @routes.get("/runs", responses=RESPONSES, response_model=UnderWayList)
    async def under_way() -> dict[str, Any]:
        """The runs of glyphs on the canvas that are under way in this host, whoever asked for them."""
        return {"runs": transcripts.under_way()}

    return routes


def _one_of(**fields: str | None) -> str:
    """The code, under whichever of its names it came."""
    given = {name: text for name, text in fields.items() if text}
    first = next(iter(fields))
    if not given:
        raise InvalidRequest(first, f"Missing '{first}' field: the code to run")
    if len(given) > 1:
        raise InvalidRequest(list(given)[1], f"the code is in {' and '.join(given)}; send one of them")
    return next(iter(given.values()))


def _script(body: _Common, code: str, mode: Mode, request: Request) -> Script:
    named: dict[str, Any] = {"execution_id": body.execution_id} if body.execution_id else {}
    return Script(
        code=code,
        glyph=body.glyph,
        mode=mode,
        glyph_id=body.glyph_id,
        session_id=body.session_id,
        upstream=body.upstream,
        timeout_seconds=body.timeout_secs,
        capture_variables=body.capture_variables,
        principal=caller_of(request).name,
        trigger=CLIENTS.get(request.headers.get(CLIENT_HEADER, ""), Trigger("http")),
        **named,
    )


async def _answered(executor: Executor, script: Script, stream: bool, request: Request) -> Response:
    if not stream and EVENT_STREAM not in request.headers.get("accept", ""):
        answer = await _while_connected(request, executor.run(script))
        if answer is None:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        return Response(msgspec.json.encode(answer), media_type="application/json")
    events = executor.stream(script)
    # Whatever refuses the run does so before its first event: still in time for a status of its own.
    first = await _while_connected(request, anext(events))
    if first is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return StreamingResponse(_told(first, events), media_type=EVENT_STREAM, headers={"Cache-Control": "no-store"})


async def _told(first: Happened, events: AsyncGenerator[Happened, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        yield _event(first)
        try:
            async for happened in events:
                yield _event(happened)
        except ChassisError as error:
            yield _event(Happened("error", {"error": str(error)}))


def _event(happened: Happened) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (happened.kind.encode(), msgspec.json.encode(happened.data))


async def _while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T | None:
    """The outcome of that; None where the client went away first, and then the work is stopped."""
    task = asyncio.create_task(work)
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
