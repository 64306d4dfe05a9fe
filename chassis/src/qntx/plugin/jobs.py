"""Jobs: a script that a job brings along, a handler it names, or a fresh look at which handlers there are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from qntx.errors import Refused, UnknownHandler
from qntx.model.execution import Execution, Limits, Outcome, Result, Trigger
from qntx.plugin import requests
from qntx.plugin.executor import Executor
from qntx.plugin.fields import json_object
from qntx.plugin.runs import Runs
from qntx.plugin.transcript import Transcript
from qntx.protocol import domain_pb2, runtime_pb2
from qntx.wire.execution import event_to_proto, job_record, limits_from_proto, result_from_proto

TIMEOUT_SECONDS = 300.0
"""For jobs that name no timeout: what the core gives those that do."""


class Handlers(Protocol):
    """What jobs need of the handlers this plugin has found."""

    async def reload(self) -> int:
        """Look again; how many there are now."""

    def execution(self, trigger: str, payload: Any, execution_id: str, limits: Limits) -> Execution:
        """The run that this trigger stands for. NotFound where nothing does."""

    def ended(self, execution: Execution, result: Result) -> None:
        """Take note of how it went."""


class Jobs:
    """Does what ExecuteJob and RunJob ask."""

    def __init__(self, executor: Executor, handlers: Handlers) -> None:
        self._executor = executor
        self._handlers = handlers
        self._name = executor.variant.name

    async def execute(self, request: domain_pb2.ExecuteJobRequest) -> domain_pb2.ExecuteJobResponse:
        if self.is_reload(request.handler_name):
            return self._answer(success=True, result=await self.reload())
        transcript = Transcript()
        asked = self.execution(request.handler_name, request.payload, request.timeout_secs, self._executor.new_id())
        execution = replace(asked, trigger=Trigger("job", request.job_id))
        result = await self._executor.run(execution, transcript.on_event)
        self._handlers.ended(execution, result)
        entries = transcript.finish(result)
        current, total = transcript.progress
        return self._answer(
            success=result.success,
            error=result.error.encode("utf-8", "replace").decode(),
            result=job_record(result),
            progress_current=current,
            progress_total=total,
            log_entries=entries,
        )

    async def watch(
        self, request: runtime_pb2.RunJobRequest, runs: Runs, accepted: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[runtime_pb2.RunEvent]:
        """The same, told while it happens. `accepted` is awaited once the run is there, and can be let begin."""
        if self.is_reload(request.handler_name):
            yield event_to_proto(0, "end", Result(Outcome.FINISHED, result_json=await self.reload()))
            return
        execution_id = request.execution_id or self._executor.new_id()
        asked = self.execution(request.handler_name, request.payload, request.timeout_seconds, execution_id)
        limits = limits_from_proto(request.limits, asked.limits)
        trigger = Trigger("job", request.job_id)
        execution = replace(asked, limits=limits, job_id=request.job_id, principal=request.principal, trigger=trigger)
        run = runs.begin(execution, held=request.hold)
        await accepted()
        async for event in run.events():
            if event.HasField("end"):
                self._handlers.ended(execution, result_from_proto(event.end))
            yield event

    def is_reload(self, handler_name: str) -> bool:
        return handler_name == f"{self._name}.__reload"

    async def reload(self) -> bytes:
        return json.dumps({"reloaded": await self._handlers.reload()}).encode()

    def execution(self, handler_name: str, payload: bytes, timeout_seconds: float, execution_id: str) -> Execution:
        """The run that a job asks for. A timeout of zero or none is the one for jobs."""
        seconds = timeout_seconds if timeout_seconds > 0 else TIMEOUT_SECONDS
        limits = replace(self._executor.limits, timeout_seconds=float(seconds))
        if handler_name == f"{self._name}.script":
            return requests.job_script(_script_payload(payload), execution_id, limits)
        if not handler_name:
            raise UnknownHandler("(none named)")
        return self._handlers.execution(handler_name, _upstream(payload), execution_id, limits)

    def _answer(self, **fields: Any) -> domain_pb2.ExecuteJobResponse:
        return domain_pb2.ExecuteJobResponse(plugin_version=self._executor.variant.version, **fields)


def _script_payload(payload: bytes) -> Mapping[str, Any]:
    try:
        return json_object(payload)
    except Refused as fault:
        raise Refused(f"Invalid payload JSON: {fault}") from None


def _upstream(payload: bytes) -> Any:
    if not payload.strip():
        return None
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as fault:
        raise Refused(f"watcher payload is not valid JSON: {fault}") from None
