"""Jobs: a script that a job brings along, a handler it names, or a fresh look at which handlers there are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from qntx.errors import Refused, UnknownHandler
from qntx.model.execution import Execution, Limits, Result
from qntx.plugin import requests
from qntx.plugin.executor import Executor
from qntx.plugin.fields import json_object
from qntx.plugin.transcript import Transcript
from qntx.protocol import domain_pb2
from qntx.wire.execution import job_record

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
    """Does what ExecuteJob asks."""

    def __init__(self, executor: Executor, handlers: Handlers) -> None:
        self._executor = executor
        self._handlers = handlers
        self._name = executor.variant.name

    async def execute(self, request: domain_pb2.ExecuteJobRequest) -> domain_pb2.ExecuteJobResponse:
        if request.handler_name == f"{self._name}.__reload":
            count = await self._handlers.reload()
            return self._answer(success=True, result=json.dumps({"reloaded": count}).encode())
        transcript = Transcript()
        execution = self._asked(request)
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

    def _asked(self, request: domain_pb2.ExecuteJobRequest) -> Execution:
        given = request.timeout_secs if request.timeout_secs > 0 else TIMEOUT_SECONDS
        limits = replace(self._executor.limits, timeout_seconds=float(given))
        execution_id = self._executor.new_id()
        if request.handler_name == f"{self._name}.script":
            return requests.job_script(_script_payload(request.payload), execution_id, limits)
        if not request.handler_name:
            raise UnknownHandler("(none named)")
        return self._handlers.execution(request.handler_name, _upstream(request.payload), execution_id, limits)

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
