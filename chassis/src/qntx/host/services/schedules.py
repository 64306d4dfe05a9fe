"""The schedules as plugins reach them: QNTX's ScheduleService.

What cannot be done is `success = false` with a text, under gRPC status OK.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, TypeVar

import grpc.aio
from google.protobuf.message import Message

from qntx.host.pulse.api import Schedules
from qntx.host.services.auth import answered
from qntx.model.schedule import Schedule, ScheduleDraft, ScheduleState
from qntx.protocol import schedule_pb2 as pb
from qntx.wire.caller import principal_of
from qntx.wire.services import add_service

Context = grpc.aio.ServicerContext[Any, Any]
T = TypeVar("T", bound=Message)


def serve(server: grpc.aio.Server, schedules: Schedules, token: str) -> None:
    add_service(server, pb.DESCRIPTOR.services_by_name["ScheduleService"], ScheduleService(schedules, token))


class ScheduleService:
    def __init__(self, schedules: Schedules, token: str) -> None:
        self._schedules = schedules
        self._token = token

    async def CreateSchedule(self, request: pb.CreateScheduleRequest, context: Context) -> pb.CreateScheduleResponse:
        async def work() -> pb.CreateScheduleResponse:
            principal = principal_of(context.invocation_metadata())
            return pb.CreateScheduleResponse(success=True, schedule_id=await self._create(request, principal))

        return await answered(request.auth_token, self._token, work, pb.CreateScheduleResponse)

    async def PauseSchedule(self, request: pb.PauseScheduleRequest, context: Context) -> pb.PauseScheduleResponse:
        return await self._moved(request, ScheduleState.PAUSED, pb.PauseScheduleResponse)

    async def ResumeSchedule(self, request: pb.ResumeScheduleRequest, context: Context) -> pb.ResumeScheduleResponse:
        return await self._moved(request, ScheduleState.ACTIVE, pb.ResumeScheduleResponse)

    async def DeleteSchedule(self, request: pb.DeleteScheduleRequest, context: Context) -> pb.DeleteScheduleResponse:
        return await self._moved(request, ScheduleState.DELETED, pb.DeleteScheduleResponse)

    async def GetSchedule(self, request: pb.GetScheduleRequest, context: Context) -> pb.GetScheduleResponse:
        async def work() -> pb.GetScheduleResponse:
            found = await self._schedules.get(request.schedule_id)
            return pb.GetScheduleResponse(success=True, job=schedule_to_proto(found))

        return await answered(request.auth_token, self._token, work, pb.GetScheduleResponse)

    async def _create(self, request: pb.CreateScheduleRequest, principal: str) -> str:
        """An active schedule of the same handler is answered instead of a second one, as the core does it."""
        plugin = _declarer(request)
        for kept in await self._schedules.list(states=[ScheduleState.ACTIVE]):
            # All `ix` lines of a provider share one handler.
            same = kept.handler_name == request.handler_name and not kept.ats_code
            if same and (not plugin or kept.declared_by == plugin):
                return kept.id
        created = await self._schedules.create(
            ScheduleDraft(
                handler_name=request.handler_name,
                interval_seconds=request.interval_seconds,
                payload_json=request.payload or b"null",
                metadata_json=json.dumps(dict(request.metadata), sort_keys=True),
                declared_by=plugin,
                first_run_at_once=False,
                principal=principal,
            )
        )
        return created.id

    async def _moved(self, request: Any, state: ScheduleState, response: type[T]) -> T:
        async def work() -> T:
            await self._schedules.set_state(request.schedule_id, state)
            return response(success=True)

        return await answered(request.auth_token, self._token, work, response)


def _declarer(request: pb.CreateScheduleRequest) -> str:
    """The plugin that brings a schedule it declares up to date by this; empty for every other request."""
    plugin = request.metadata.get("plugin", "")
    own = request.handler_name.startswith(f"{plugin}/")
    return plugin if own and request.metadata.get("declared") == "true" else ""


def schedule_to_proto(schedule: Schedule) -> pb.ScheduledJob:
    return pb.ScheduledJob(
        id=schedule.id,
        ats_code=schedule.ats_code,
        handler_name=schedule.handler_name,
        payload=schedule.payload_json,
        source_url=schedule.source,
        interval_seconds=round(schedule.interval_seconds),
        next_run_at=rfc3339(schedule.next_run_at_ms),
        last_run_at=rfc3339(schedule.last_run_at_ms),
        last_execution_id=schedule.last_job_id,
        state=schedule.state.value,
        metadata=schedule.metadata_json,
        created_at=rfc3339(schedule.created_at_ms),
        updated_at=rfc3339(schedule.updated_at_ms),
    )


def rfc3339(time_ms: int) -> str:
    """Empty for a time that has not come yet."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat() if time_ms else ""
