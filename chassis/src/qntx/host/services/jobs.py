"""The job queue as plugins reach it: QNTX's QueueService.

What cannot be done is `success = false` with a text, under gRPC status OK.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import grpc.aio
from google.protobuf.message import Message

from qntx.errors import InvalidRequest, NotFound
from qntx.host.pulse.api import JobFilter, Jobs
from qntx.host.services.auth import answered
from qntx.model.job import Job, JobDraft, JobState
from qntx.protocol import queue_pb2 as pb
from qntx.wire.caller import principal_of
from qntx.wire.services import add_service

Context = grpc.aio.ServicerContext[Any, Any]
T = TypeVar("T", bound=Message)

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000

MOVES: dict[str, str] = {"cancelled": "cancel", "paused": "pause", "queued": "resume"}
"""What a plugin may make of a job by UpdateJob: the rest of the row is Pulse's to write."""


def serve(server: grpc.aio.Server, jobs: Jobs, token: str) -> None:
    add_service(server, pb.DESCRIPTOR.services_by_name["QueueService"], QueueService(jobs, token))


class QueueService:
    def __init__(self, jobs: Jobs, token: str) -> None:
        self._jobs = jobs
        self._token = token

    async def Enqueue(self, request: pb.EnqueueRequest, context: Context) -> pb.EnqueueResponse:
        async def work() -> pb.EnqueueResponse:
            draft = _draft(_given(request))
            principal = principal_of(context.invocation_metadata()) or await self._principal_of(draft.parent_id)
            job = await self._jobs.enqueue(replace(draft, principal=principal), once_per_source=True)
            return pb.EnqueueResponse(success=True, job_id=job.id)

        return await answered(request.auth_token, self._token, work, pb.EnqueueResponse)

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.GetJobResponse:
        async def work() -> pb.GetJobResponse:
            return pb.GetJobResponse(success=True, job=job_to_proto(await self._jobs.get(request.job_id)))

        return await answered(request.auth_token, self._token, work, pb.GetJobResponse)

    async def UpdateJob(self, request: pb.UpdateJobRequest, context: Context) -> pb.UpdateJobResponse:
        async def work() -> pb.UpdateJobResponse:
            job = _given(request)
            if job.status not in MOVES:
                raise InvalidRequest("status", f"{job.status!r} is not {', '.join(MOVES)}: Pulse writes the others")
            await getattr(self._jobs, MOVES[job.status])(job.id)
            return pb.UpdateJobResponse(success=True)

        return await answered(request.auth_token, self._token, work, pb.UpdateJobResponse)

    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        async def work() -> pb.ListJobsResponse:
            if request.limit < 0:
                raise InvalidRequest("limit", f"cannot be negative, got {request.limit}")
            limit = min(request.limit or LIMIT_DEFAULT, LIMIT_MAX)
            found = await self._jobs.find(JobFilter(states=_states(request.status)), limit=limit)
            return pb.ListJobsResponse(success=True, jobs=map(job_to_proto, found))

        return await answered(request.auth_token, self._token, work, pb.ListJobsResponse)

    async def _principal_of(self, job_id: str) -> str:
        """Of a plugin that does not say who asks, the children of a job are its principal's too."""
        with suppress(NotFound):
            return (await self._jobs.get(job_id)).principal if job_id else ""
        return ""


def job_to_proto(job: Job) -> pb.Job:
    """Times become seconds; a fraction of progress becomes a whole number."""
    return pb.Job(
        id=job.id,
        handler_name=job.handler_name,
        payload=job.payload_json,
        source=job.source,
        status=job.state.value,
        progress=pb.Progress(current=int(job.progress_current), total=int(job.progress_total or 0)),
        cost_estimate=job.cost_estimate,
        cost_actual=job.cost_actual,
        error=job.error,
        parent_job_id=job.parent_id,
        retry_count=max(0, job.attempts - 1),
        created_at=job.created_at_ms // 1000,
        started_at=job.started_at_ms // 1000,
        completed_at=job.ended_at_ms // 1000,
    )


def _draft(job: pb.Job) -> JobDraft:
    return JobDraft(
        handler_name=job.handler_name,
        payload_json=job.payload or b"{}",
        source=job.source,
        parent_id=job.parent_job_id,
        cost_estimate=job.cost_estimate,
        id=job.id,
    )


def _given(request: pb.EnqueueRequest | pb.UpdateJobRequest) -> pb.Job:
    if not request.HasField("job"):
        raise InvalidRequest("job", "job is nil")
    return request.job


def _states(status: str) -> frozenset[JobState]:
    if not status:
        return frozenset()
    try:
        return frozenset({JobState(status)})
    except ValueError:
        raise InvalidRequest("status", f"{status!r} is not one of {', '.join(JobState)}") from None
