"""One plugin, called over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any, TypeVar

import grpc
import grpc.aio

from qntx.errors import Busy, ChassisError, NotFound, PluginUnavailable, Refused
from qntx.protocol import domain_pb2, python_pb2, runtime_pb2
from qntx.wire import caller
from qntx.wire.services import MESSAGE_OPTIONS, Stub

OPTIONS = (
    *MESSAGE_OPTIONS,
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Without this one a peer that hangs is not noticed.
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Plugins are on this machine: a proxy meant for the web must not get in between.
    ("grpc.enable_http_proxy", 0),
)

CALL_TIMEOUT_SECONDS = 5.0
INITIALIZE_TIMEOUT_SECONDS = 120.0
RETRY_SECONDS = 0.1

T = TypeVar("T")

EMPTY = domain_pb2.Empty()


class PluginClient:
    """The calls a host makes on a plugin. Failures are raised as our errors."""

    def __init__(
        self,
        name: str,
        address: str,
        channel: grpc.aio.Channel | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> None:
        """`address` is for people where there is a channel. `metadata` goes with each call.

        Calls whose message has no place for it are told whom they are made for, the `principal`, beside it.
        """
        self.name = name
        self.address = address
        self.streams = False
        """Whether it offers PythonRuntime: streamed output, cancel, sessions. Known after `initialize`."""
        self.instance = ""
        """The process that answers, where it gives itself a name. Known after `initialize`."""
        self._channel = channel or grpc.aio.insecure_channel(address, options=OPTIONS)
        self._domain = Stub(self._channel, domain_pb2.DESCRIPTOR.services_by_name["DomainPluginService"], metadata)
        self._python = Stub(self._channel, python_pb2.DESCRIPTOR.services_by_name["PythonService"], metadata)
        self._runtime = Stub(self._channel, runtime_pb2.DESCRIPTOR.services_by_name["PythonRuntime"], metadata)

    async def metadata(self, timeout_seconds: float) -> domain_pb2.MetadataResponse:
        """Who it says it is. Raises PluginUnavailable where it does not answer in time, or is somebody else."""
        answer = await self._first_metadata(timeout_seconds)
        if answer.name != self.name:
            raise PluginUnavailable(
                f"plugin metadata mismatch: the one at {self.address} is named {answer.name!r}, not {self.name!r}"
            )
        return answer

    async def initialize(self, request: domain_pb2.InitializeRequest) -> domain_pb2.InitializeResponse:
        """Hand it the host's endpoints and its configuration. It may be called again."""
        call: Awaitable[domain_pb2.InitializeResponse]
        call = self._domain.Initialize(request, timeout=INITIALIZE_TIMEOUT_SECONDS)
        answer = await self._call(call)
        capabilities = await self.capabilities() if answer.python_provider else None
        self.streams = capabilities is not None
        self.instance = capabilities.instance if capabilities is not None else ""
        return answer

    async def health(self) -> domain_pb2.HealthResponse:
        call: Awaitable[domain_pb2.HealthResponse] = self._domain.Health(EMPTY, timeout=CALL_TIMEOUT_SECONDS)
        return await self._call(call)

    async def shutdown(self, timeout_seconds: float) -> None:
        await self._call(self._domain.Shutdown(EMPTY, timeout=timeout_seconds))

    async def config_schema(self) -> Mapping[str, domain_pb2.ConfigFieldSchema]:
        answer = await self._call(self._domain.ConfigSchema(EMPTY, timeout=CALL_TIMEOUT_SECONDS))
        return dict(answer.fields)

    async def glyphs(self) -> list[domain_pb2.GlyphDef]:
        """Its own kinds of glyph; none where it does not implement the call."""
        try:
            return list((await self._domain.RegisterGlyphs(EMPTY, timeout=CALL_TIMEOUT_SECONDS)).glyphs)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return []
            raise translated(self.name, error) from error

    async def handle_http(self, request: domain_pb2.HTTPRequest, principal: str = "") -> domain_pb2.HTTPResponse:
        call: Awaitable[domain_pb2.HTTPResponse] = self._domain.HandleHTTP(request, metadata=caller.by(principal))
        return await self._call(call)

    async def capabilities(self) -> runtime_pb2.CapabilitiesResponse | None:
        """What it can enforce and which modules it has; None where it offers no PythonRuntime."""
        call: Awaitable[runtime_pb2.CapabilitiesResponse]
        call = self._runtime.Capabilities(runtime_pb2.CapabilitiesRequest(), timeout=CALL_TIMEOUT_SECONDS)
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return None
            raise translated(self.name, error) from error

    def websocket(
        self, sent: AsyncIterator[domain_pb2.WebSocketMessage], query: Sequence[tuple[str, str]], principal: str = ""
    ) -> AsyncGenerator[domain_pb2.WebSocketMessage, None]:
        """A browser's connection: what it sends, and what it is sent. What its address asked for goes as metadata."""
        return self._events(self._domain.HandleWebSocket(sent, metadata=(*query, *caller.by(principal))))

    async def execute(
        self, request: python_pb2.PythonExecuteRequest, timeout_seconds: float | None, principal: str = ""
    ) -> python_pb2.PythonExecuteResponse:
        """Run code the way every python provider can: one call, one answer."""
        call: Awaitable[python_pb2.PythonExecuteResponse]
        call = self._python.Execute(request, timeout=timeout_seconds, metadata=caller.by(principal))
        return await self._call(call)

    def run(self, request: runtime_pb2.RunRequest) -> AsyncGenerator[runtime_pb2.RunEvent, None]:
        """Run code and tell what happens. Leaving the iteration early stops the run."""
        return self._events(self._runtime.Run(request))

    def run_job(self, request: runtime_pb2.RunJobRequest) -> AsyncGenerator[runtime_pb2.RunEvent, None]:
        """Run one of its handlers and tell what happens, in the same way."""
        return self._events(self._runtime.RunJob(request))

    async def execute_job(
        self, request: domain_pb2.ExecuteJobRequest, principal: str = ""
    ) -> domain_pb2.ExecuteJobResponse:
        """Run one of its handlers. The plugin keeps the deadline."""
        call: Awaitable[domain_pb2.ExecuteJobResponse]
        call = self._domain.ExecuteJob(request, metadata=caller.by(principal))
        return await self._call(call)

    async def cancel(self, execution_id: str) -> bool:
        request = runtime_pb2.CancelRequest(execution_id=execution_id)
        answer = await self._call(self._runtime.Cancel(request, timeout=CALL_TIMEOUT_SECONDS))
        return bool(answer.cancelled)

    async def begin(self, execution_id: str) -> bool:
        """Let a run begin that was asked for with `hold`. False: it never will."""
        request = runtime_pb2.BeginRequest(execution_id=execution_id)
        answer = await self._call(self._runtime.Begin(request, timeout=CALL_TIMEOUT_SECONDS))
        return bool(answer.begun)

    def attach(self, execution_id: str) -> AsyncGenerator[runtime_pb2.RunEvent, None]:
        """The events of a run that is under way or just over, from the first one kept."""
        return self._events(self._runtime.Attach(runtime_pb2.AttachRequest(execution_id=execution_id)))

    async def has_session(self, session_id: str, principal: str) -> bool:
        """Whether it keeps the variables of that session."""
        request = runtime_pb2.ListSessionsRequest(principal=principal)
        answer = await self._call(self._runtime.ListSessions(request, timeout=CALL_TIMEOUT_SECONDS))
        return any(session.session_id == session_id for session in answer.sessions)

    async def close(self, grace_seconds: float | None = None) -> None:
        """Calls under way may take that long to end."""
        await self._channel.close(grace_seconds)

    async def _events(self, stream: Any) -> AsyncGenerator[Any, None]:
        try:
            async for event in stream:
                yield event
        except grpc.aio.AioRpcError as error:
            raise translated(self.name, error) from error
        finally:
            stream.cancel()

    async def _call(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            raise translated(self.name, error) from error
        except grpc.aio.UsageError as error:
            raise PluginUnavailable(f"plugin {self.name!r} is not called at {self.address} any more") from error

    async def _first_metadata(self, timeout_seconds: float) -> domain_pb2.MetadataResponse:
        latest = "no answer"
        try:
            async with asyncio.timeout(timeout_seconds):
                while True:
                    call: Awaitable[domain_pb2.MetadataResponse] = self._domain.Metadata(EMPTY, timeout=1.0)
                    try:
                        return await call
                    except grpc.aio.AioRpcError as error:
                        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                            raise PluginUnavailable(
                                f"{self.address} turns this host away: {error.details()}"
                            ) from error
                        latest = error.details() or error.code().name
                    await asyncio.sleep(RETRY_SECONDS)
        except TimeoutError:
            raise PluginUnavailable(
                f"it did not answer Metadata at {self.address} within {timeout_seconds:g} s: {latest}"
            ) from None


ERRORS: Mapping[grpc.StatusCode, type[ChassisError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: Refused,
    grpc.StatusCode.FAILED_PRECONDITION: Refused,
    grpc.StatusCode.OUT_OF_RANGE: Refused,
    grpc.StatusCode.PERMISSION_DENIED: Refused,
    grpc.StatusCode.UNAUTHENTICATED: Refused,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.UNIMPLEMENTED: NotFound,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Busy,
}


def is_said(error: grpc.aio.AioRpcError) -> bool:
    """Whether the plugin itself refused; otherwise the connection to it may have broken."""
    trailing: Any = error.trailing_metadata() or ()
    return any(key == caller.SAID for key, _ in trailing)


def translated(name: str, error: grpc.aio.AioRpcError) -> ChassisError:
    """One of our errors, for one of gRPC's."""
    reason = error.details() or error.code().name
    if error.code() in ERRORS:
        return ERRORS[error.code()](reason)
    if is_said(error):
        return PluginUnavailable(f"plugin {name!r}: {reason}")
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return PluginUnavailable(f"plugin {name!r} is unavailable, restarting: the connection to it broke ({reason})")
    return PluginUnavailable(f"plugin {name!r} failed: {reason}")
