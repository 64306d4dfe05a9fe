"""PythonRuntime: runs that can be watched, stopped and come back to."""

from __future__ import annotations

import asyncio
import platform
import secrets
from collections.abc import AsyncIterator
from typing import Any

from qntx.errors import MissingField
from qntx.plugin import modules
from qntx.plugin.executor import Executor
from qntx.plugin.jobs import Jobs
from qntx.plugin.runs import Runs
from qntx.protocol import runtime_pb2
from qntx.wire import caller
from qntx.wire.execution import execution_from_proto

INSTANCE_BYTES = 8

_COUNTS = ("running", "queued", "running_max", "queued_max", "idle_workers")


class RuntimeServicer:
    def __init__(self, executor: Executor, runs: Runs, jobs: Jobs) -> None:
        self._executor = executor
        self._runs = runs
        self._jobs = jobs
        self.instance = secrets.token_hex(INSTANCE_BYTES)
        self._signature = ((caller.INSTANCE, self.instance),)

    async def Run(self, request: runtime_pb2.RunRequest, context: Any) -> AsyncIterator[runtime_pb2.RunEvent]:
        if not request.code:
            raise MissingField("code")
        request.execution_id = request.execution_id or self._executor.new_id()
        self._executor.require_open()
        run = self._runs.begin(execution_from_proto(request, self._executor.limits), held=request.hold)
        await context.send_initial_metadata(self._signature)
        async for event in run.events():
            yield event

    async def RunJob(self, request: runtime_pb2.RunJobRequest, context: Any) -> AsyncIterator[runtime_pb2.RunEvent]:
        self._executor.require_open()

        async def accepted() -> None:
            await context.send_initial_metadata(self._signature)

        async for event in self._jobs.watch(request, self._runs, accepted):
            yield event

    async def Begin(self, request: runtime_pb2.BeginRequest, _context: Any) -> runtime_pb2.BeginResponse:
        return runtime_pb2.BeginResponse(begun=self._runs.release(request.execution_id))

    async def Attach(self, request: runtime_pb2.AttachRequest, _context: Any) -> AsyncIterator[runtime_pb2.RunEvent]:
        async for event in self._runs.find(request.execution_id).events():
            yield event

    async def Cancel(self, request: runtime_pb2.CancelRequest, _context: Any) -> runtime_pb2.CancelResponse:
        return runtime_pb2.CancelResponse(cancelled=self._runs.cancel(request.execution_id))

    async def ListSessions(
        self, request: runtime_pb2.ListSessionsRequest, _context: Any
    ) -> runtime_pb2.ListSessionsResponse:
        known = self._executor.sessions(request.principal)
        return runtime_pb2.ListSessionsResponse(sessions=[runtime_pb2.Session(**each) for each in known])

    async def InspectSession(
        self, request: runtime_pb2.InspectSessionRequest, _context: Any
    ) -> runtime_pb2.InspectSessionResponse:
        found = await self._executor.inspect_session(request.principal, request.session_id)
        return runtime_pb2.InspectSessionResponse(variables=[runtime_pb2.Variable(**each) for each in found])

    async def EndSession(self, request: runtime_pb2.EndSessionRequest, _context: Any) -> runtime_pb2.EndSessionResponse:
        ended = self._executor.end_session(request.principal, request.session_id)
        return runtime_pb2.EndSessionResponse(ended=ended)

    async def Capabilities(self, _request: Any, _context: Any) -> runtime_pb2.CapabilitiesResponse:
        engine = self._executor.describe()
        names = await asyncio.to_thread(modules.top_level, self._executor.path)
        return runtime_pb2.CapabilitiesResponse(
            sandbox=engine.get("sandbox", ""),
            primitives={name: str(found) for name, found in engine.get("primitives", {}).items()},
            python_version=platform.python_version(),
            modules=names,
            ready=bool(engine.get("ready")),
            instance=self.instance,
            **{name: int(engine.get(name, 0)) for name in _COUNTS},
        )
