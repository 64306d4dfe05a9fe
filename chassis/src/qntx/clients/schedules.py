"""The schedules a host keeps, as scripts reach them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from qntx.clients.channel import Service
from qntx.errors import HostUnavailable, InvalidRequest
from qntx.protocol import schedule_pb2

_SCHEDULES = schedule_pb2.DESCRIPTOR.services_by_name["ScheduleService"]
_INTERVAL_SECONDS_MAX = 2**31 - 1


class ScheduleClient:
    """Makes, pauses, resumes, deletes and shows schedules."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def create(
        self,
        handler: str,
        every_seconds: int,
        payload: Any = None,
        metadata: Mapping[str, str] | None = None,
        *,
        principal: str = "",
    ) -> str:
        """Fire `plugin/handler` every so often; the schedule's id. `principal` is who asks, and whose its jobs are."""
        if not 0 < every_seconds <= _INTERVAL_SECONDS_MAX:
            raise InvalidRequest("every", f"{every_seconds} is not between 1 and {_INTERVAL_SECONDS_MAX} seconds")
        request = schedule_pb2.CreateScheduleRequest(
            handler_name=handler,
            interval_seconds=every_seconds,
            payload=b"" if payload is None else json.dumps(payload, ensure_ascii=False).encode(),
            metadata=metadata or {},
        )
        answer = await self._call("schedule", "CreateSchedule", request, principal=principal)
        return str(answer.schedule_id)

    async def pause(self, schedule_id: str) -> None:
        request = schedule_pb2.PauseScheduleRequest(schedule_id=schedule_id)
        await self._call("pause_schedule", "PauseSchedule", request)

    async def resume(self, schedule_id: str) -> None:
        request = schedule_pb2.ResumeScheduleRequest(schedule_id=schedule_id)
        await self._call("resume_schedule", "ResumeSchedule", request)

    async def delete(self, schedule_id: str) -> None:
        request = schedule_pb2.DeleteScheduleRequest(schedule_id=schedule_id)
        await self._call("delete_schedule", "DeleteSchedule", request)

    async def interval_seconds(self, schedule_id: str) -> int:
        request = schedule_pb2.GetScheduleRequest(schedule_id=schedule_id)
        answer = await self._call("get_schedule", "GetSchedule", request)
        return int(answer.job.interval_seconds)

    async def aclose(self) -> None:
        await self._service.aclose()

    async def _call(self, wanted: str, method: str, request: Any, *, principal: str = "") -> Any:
        if not self._service:
            raise HostUnavailable(f"Schedule client not available (cannot {wanted})")
        return await self._service.call(_SCHEDULES, method, request, principal=principal)
