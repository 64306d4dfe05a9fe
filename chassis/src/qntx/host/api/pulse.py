"""Jobs and schedules: `/api/pulse/…`, in the shapes of QNTX's own where it has them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from qntx.errors import InvalidRequest
from qntx.host.api.access import caller_of
from qntx.host.api.errors import RESPONSES, Body
from qntx.host.ix.router import Router
from qntx.host.pulse.api import JobFilter, Jobs, Schedules, Stage
from qntx.host.pulse.due import next_runs_ms
from qntx.host.services.schedules import rfc3339
from qntx.model.job import Job, JobDraft, JobState, LogLine, Retry
from qntx.model.schedule import Schedule, ScheduleDraft, ScheduleState

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000
LINES_MAX = 1000
NEXT_SHOWN = 3
FOLLOW_SECONDS = 0.2
EVENT_STREAM = "text/event-stream"
NO_STORE = {"Cache-Control": "no-store"}


class JobBody(Body):
    handler_name: str = Field(description="`PLUGIN/HANDLER`, such as `python/python.script`.")
    payload: Any = Field(default=None, description="What the handler is given.")
    source: str = Field(default="", description="Where the work comes from.")
    once_per_source: bool = Field(default=False, description="Answer with the active job of that source, if any.")
    priority: int = Field(default=0, ge=-(2**20), le=2**20, description="Higher goes first.")
    delay_seconds: float = Field(default=0.0, ge=0, le=366 * 86400)
    timeout_seconds: float = Field(default=300.0, ge=0, le=7 * 86400, description="0: none.")
    retries: int = Field(default=0, ge=0, le=100)
    retry_delay_seconds: float = Field(default=1.0, ge=0, le=3600)
    parent_id: str = ""


class JobRecord(BaseModel):
    """A job. `status` is queued, running, paused, completed, failed or cancelled. Lists leave the payload out."""

    id: str
    handler_name: str
    source: str
    status: str
    priority: int
    attempts: int
    parent_id: str
    principal: str = Field(description="Who asked: the name of their token. Empty where none was demanded.")
    progress: dict[str, Any]
    result: Any
    error: str
    waiting_for: str
    cost_estimate: float
    cost_actual: float
    plugin_version: str
    timeout_seconds: float
    payload: Any = None
    created_at: str
    due_at: str
    started_at: str
    completed_at: str


class JobList(BaseModel):
    jobs: list[JobRecord]
    count: int


class StageRecord(BaseModel):
    stage: str
    log_count: int
    started_at: str
    updated_at: str


class StageList(BaseModel):
    job_id: str
    stages: list[StageRecord]
    count: int


class LineRecord(BaseModel):
    number: int
    timestamp: str
    level: str
    stage: str
    message: str
    metadata: Any


class ScheduleBody(Body):
    ats_code: str = Field(default="", description="An `ix …` line.")
    handler_name: str = ""
    interval_seconds: float = Field(default=0, description="0 with `force`: run once, now.")
    cron: str = Field(default="", description="A cron expression in UTC, instead of an interval.")
    payload: Any = None
    force: bool = False
    metadata: dict[str, Any] = Field(default_factory=dict)
    created_from_doc: str = ""


class SchedulePatch(Body):
    state: str | None = None
    interval_seconds: float | None = None
    cron: str | None = Field(default=None, description="A cron expression in UTC, instead of an interval.")


def job_record(job: Job, *, payload: bool = True) -> dict[str, Any]:
    """As the API and the command line show it. Events and lists go without the payload, which may hold a script."""
    told = {"payload": _value(job.payload_json)} if payload else {}
    return told | {
        "id": job.id,
        "handler_name": job.handler_name,
        "source": job.source,
        "status": job.state.value,
        "priority": job.priority,
        "attempts": job.attempts,
        "parent_id": job.parent_id,
        "principal": job.principal,
        "progress": {"current": job.progress_current, "total": job.progress_total, "message": job.progress_message},
        "result": _value(job.result_json),
        "error": job.error,
        "waiting_for": job.waiting_for,
        "cost_estimate": job.cost_estimate,
        "cost_actual": job.cost_actual,
        "plugin_version": job.plugin_version,
        "timeout_seconds": job.timeout_seconds,
        "created_at": rfc3339(job.created_at_ms),
        "due_at": rfc3339(job.due_at_ms),
        "started_at": rfc3339(job.started_at_ms),
        "completed_at": rfc3339(job.ended_at_ms),
    }


def jobs_router(jobs: Jobs) -> APIRouter:
    routes = APIRouter(prefix="/api/pulse/jobs", tags=["pulse"], responses=RESPONSES)

    @routes.get("", response_model=JobList)
    async def list_jobs(
        status: Annotated[str, Query(description="Several are separated by commas.")] = "",
        handler_name: str = "",
        source: str = "",
        parent_id: str = "",
        limit: Annotated[int, Query(ge=0, le=LIMIT_MAX)] = LIMIT_DEFAULT,
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> dict[str, Any]:
        """The newest first."""
        wanted = JobFilter(_states(status), handler_name, source, parent_id)
        return _listed(await jobs.find(wanted, limit=limit, offset=offset))

    @routes.post("", status_code=201, response_model=JobRecord)
    async def enqueue(body: JobBody, request: Request) -> dict[str, Any]:
        """Queue a job."""
        draft = JobDraft(
            body.handler_name,
            json.dumps(body.payload).encode(),
            source=body.source,
            priority=body.priority,
            delay_seconds=body.delay_seconds,
            timeout_seconds=body.timeout_seconds,
            retry=Retry(body.retries, body.retry_delay_seconds),
            parent_id=body.parent_id,
            principal=caller_of(request).name,
        )
        return job_record(await jobs.enqueue(draft, once_per_source=body.once_per_source))

    @routes.get("/{job_id}", response_model=JobRecord)
    async def show(job_id: str) -> dict[str, Any]:
        return job_record(await jobs.get(job_id))

    @routes.get("/{job_id}/children", response_model=JobList)
    async def children(job_id: str) -> dict[str, Any]:
        await jobs.get(job_id)
        return _listed(await jobs.find(JobFilter(parent_id=job_id), limit=LIMIT_MAX))

    @routes.get("/{job_id}/logs", response_model=list[LineRecord])
    async def logs(
        job_id: str,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=LINES_MAX)] = LINES_MAX,
        follow: bool = False,
    ) -> list[dict[str, Any]] | Response:
        """Its lines, oldest first, those after number `after`.

        With `follow`, `line` and `progress` events until the job has ended, then `job`.
        """
        await jobs.get(job_id)
        if follow:
            return StreamingResponse(_followed(jobs, job_id, after), media_type=EVENT_STREAM, headers=NO_STORE)
        return [_line_record(number, line) for number, line in await jobs.log(job_id, after=after, limit=limit)]

    _add_stages(routes, jobs)
    for name in ("cancel", "pause", "resume", "retry"):
        _add_move(routes, jobs, name)
    return routes


def _add_stages(routes: APIRouter, jobs: Jobs) -> None:
    @routes.get("/{job_id}/stages", response_model=StageList)
    async def stages(job_id: str) -> dict[str, Any]:
        """The stages that its lines name, in the order in which each began: its lines in full are under `logs`."""
        found = await jobs.stages(job_id)
        return {"job_id": job_id, "stages": [_stage_record(stage) for stage in found], "count": len(found)}


def schedules_router(schedules: Schedules, jobs: Jobs, ix: Router) -> APIRouter:
    routes = APIRouter(prefix="/api/pulse/schedules", tags=["pulse"], responses=RESPONSES)

    @routes.get("")
    async def list_schedules() -> dict[str, Any]:
        found = await schedules.list()
        return {"jobs": [schedule_record(schedule) for schedule in found], "count": len(found)}

    @routes.post("", status_code=201)
    async def create(body: ScheduleBody, request: Request) -> dict[str, Any]:
        """Run an `ix` line or a handler every so often; with `force` and no interval, once and now."""
        if not body.ats_code and not body.handler_name:
            raise InvalidRequest("handler_name", "ats_code or handler_name is required")
        if body.interval_seconds < 0:
            raise InvalidRequest("interval_seconds", "interval_seconds cannot be negative")
        draft = replace(await _resolved(body, ix), principal=caller_of(request).name)
        if body.interval_seconds == 0 and not body.cron:
            return await _once(body, draft, jobs)
        schedule = await schedules.create(
            ScheduleDraft(
                draft.handler_name,
                body.interval_seconds,
                body.cron,
                draft.payload_json,
                ats_code=body.ats_code,
                source=draft.source,
                metadata_json=json.dumps(body.metadata | _from_doc(body)),
                principal=draft.principal,
            )
        )
        return schedule_record(schedule)

    @routes.get("/next")
    async def following(interval_seconds: float = 0, cron: str = "") -> dict[str, Any]:
        """When a schedule that is made now would come due, or why it cannot be made."""
        ticks = next_runs_ms(interval_seconds, cron, now_ms=int(time.time() * 1000), count=NEXT_SHOWN)
        return {"next_runs": [rfc3339(tick) for tick in ticks]}

    @routes.get("/{schedule_id:path}")
    async def show(schedule_id: str) -> dict[str, Any]:
        return schedule_record(await schedules.get(schedule_id))

    @routes.patch("/{schedule_id:path}")
    async def change(schedule_id: str, body: SchedulePatch) -> dict[str, Any]:
        schedule = await schedules.get(schedule_id)
        if body.interval_seconds is not None or body.cron is not None:
            schedule = await schedules.set_period(schedule_id, body.interval_seconds or 0.0, body.cron or "")
        if body.state is not None:
            schedule = await schedules.set_state(schedule_id, _schedule_state(body.state))
        return schedule_record(schedule)

    @routes.delete("/{schedule_id:path}", status_code=204)
    async def delete(schedule_id: str) -> None:
        await schedules.set_state(schedule_id, ScheduleState.DELETED)

    @routes.post("/{schedule_id:path}/trigger", response_model=JobRecord)
    async def trigger(schedule_id: str) -> dict[str, Any]:
        """Fire it now, whatever its state."""
        return job_record(await schedules.trigger(schedule_id))

    return routes


def schedule_record(schedule: Schedule) -> dict[str, Any]:
    metadata = json.loads(schedule.metadata_json)
    return {
        "id": schedule.id,
        "ats_code": schedule.ats_code,
        "handler_name": schedule.handler_name,
        "interval_seconds": schedule.interval_seconds,
        "cron": schedule.cron,
        "next_run_at": rfc3339(schedule.next_run_at_ms),
        "last_run_at": rfc3339(schedule.last_run_at_ms),
        "last_execution_id": schedule.last_job_id,
        "state": schedule.state.value,
        "declared_by": schedule.declared_by,
        "principal": schedule.principal,
        "created_from_doc": metadata.get("created_from_doc", ""),
        "metadata": metadata,
        "created_at": rfc3339(schedule.created_at_ms),
        "updated_at": rfc3339(schedule.updated_at_ms),
    }


async def _resolved(body: ScheduleBody, ix: Router) -> JobDraft:
    if body.ats_code:
        return await ix.resolve_line(body.ats_code)
    return JobDraft(body.handler_name, json.dumps(body.payload).encode(), source="")


async def _once(body: ScheduleBody, draft: JobDraft, jobs: Jobs) -> dict[str, Any]:
    if not body.force:
        raise InvalidRequest(
            "interval_seconds",
            "interval_seconds must be positive for recurring jobs (use force=true for one-time execution)",
        )
    job = await jobs.enqueue(draft)
    return {
        "id": job.id,
        "async_job_id": job.id,
        "handler_name": job.handler_name,
        "source_url": job.source,
        "force": True,
    }


def _from_doc(body: ScheduleBody) -> dict[str, str]:
    return {"created_from_doc": body.created_from_doc} if body.created_from_doc else {}


def _add_move(routes: APIRouter, jobs: Jobs, name: str) -> None:
    async def move(job_id: str) -> dict[str, Any]:
        return job_record(await getattr(jobs, name)(job_id))

    routes.add_api_route(f"/{{job_id}}/{name}", move, methods=["POST"], name=name, response_model=JobRecord)


async def _followed(jobs: Jobs, job_id: str, after: int) -> AsyncIterator[bytes]:
    told = None
    while True:
        job = await jobs.get(job_id)
        while lines := await jobs.log(job_id, after=after):
            after = lines[-1][0]
            for number, line in lines:
                yield _event("line", _line_record(number, line))
        if not job.active:
            yield _event("job", job_record(job))
            return
        record = job_record(job)
        now = {key: record[key] for key in ("status", "progress", "waiting_for", "attempts")}
        if now != told:
            told = now
            yield _event("progress", now)
        await asyncio.sleep(FOLLOW_SECONDS)


def _listed(jobs: list[Job]) -> dict[str, Any]:
    return {"jobs": [job_record(job, payload=False) for job in jobs], "count": len(jobs)}


def _event(kind: str, data: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), json.dumps(data).encode())


def _line_record(number: int, line: LogLine) -> dict[str, Any]:
    return {
        "number": number,
        "timestamp": rfc3339(line.timestamp_ms),
        "level": line.level,
        "stage": line.stage,
        "message": line.message,
        "metadata": _value(line.metadata_json.encode()) if line.metadata_json else None,
    }


def _stage_record(stage: Stage) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "log_count": stage.lines,
        "started_at": rfc3339(stage.first_ms),
        "updated_at": rfc3339(stage.last_ms),
    }


def _states(status: str) -> frozenset[JobState]:
    try:
        return frozenset(JobState(each.strip()) for each in status.split(",") if each.strip())
    except ValueError:
        raise InvalidRequest("status", f"{status!r} is not among {', '.join(JobState)}") from None


def _schedule_state(state: str) -> ScheduleState:
    """QNTX also says `inactive` and `stopping` for what does not fire."""
    try:
        return ScheduleState({"inactive": "paused", "stopping": "paused"}.get(state, state))
    except ValueError:
        raise InvalidRequest("state", f"{state!r} is not active, paused, stopping, inactive or deleted") from None


def _value(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return text.decode(errors="replace")
