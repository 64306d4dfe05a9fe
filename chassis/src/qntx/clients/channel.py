"""One service of the host: its address, its token, and a channel that stays open.

QNTX's services take the token in the request's field `auth_token` and answer a refusal as `success=false` with status
OK; both are dealt with here, so that the clients speak of attestations, jobs and schedules only. Every call has a
deadline: a host that is away costs a script an error, never its run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor

from qntx.errors import ChassisError, HostUnavailable, NotFound, Refused
from qntx.wire import caller
from qntx.wire.services import MESSAGE_OPTIONS, Stub

TIMEOUT_SECONDS = 10.0
TLS = "https://"

OPTIONS: tuple[tuple[str, int], ...] = (
    *MESSAGE_OPTIONS,
    # The host is on this machine; a proxy of the environment is not meant for it.
    ("grpc.enable_http_proxy", 0),
    # A host that comes back is found again at once; the default waits up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
RECONNECTING_SECONDS = 2.5
"""How long a call waits for a host that was away when it was last called, a little more than between two attempts: one
that was restarted is there, though the last attempt was refused."""


class Service:
    """Calls one service of the host. An empty address is a service the host does not run.

    An address with `https://` before it is called over TLS; `authority` is the file of who signed its certificate,
    without which the system's authorities are asked.
    """

    def __init__(
        self, address: str, token: str, *, authority: Path | None = None, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self.address = address
        self._authority = authority
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._channel: grpc.aio.Channel | None = None
        self._stubs: dict[str, Stub] = {}

    def __bool__(self) -> bool:
        return bool(self.address)

    async def call(self, service: ServiceDescriptor, method: str, request: Any, *, principal: str = "") -> Any:
        """The answer, where it says success; its `error` is raised where not. NotFound: there is no such method.

        `principal` is whom the call is made for.
        """
        request.auth_token = self._token
        stub = await self._reached(service)
        try:
            answer = await getattr(stub, method)(request, timeout=self._timeout_seconds, metadata=caller.by(principal))
        except grpc.aio.AioRpcError as lost:
            raise self._explained(lost) from lost
        if "success" in answer.DESCRIPTOR.fields_by_name and not answer.success:
            raise Refused(f"refused: {answer.error or 'no reason given'}")
        return answer

    async def stream(self, service: ServiceDescriptor, method: str, request: Any) -> AsyncGenerator[Any, None]:
        """The messages as they come; the deadline is for each of them, so that a slow reader may take its time."""
        request.auth_token = self._token
        call = getattr(await self._reached(service), method)(request)
        try:
            messages = aiter(call)
            while (message := await asyncio.wait_for(anext(messages, None), self._timeout_seconds)) is not None:
                yield message
        except grpc.aio.AioRpcError as lost:
            raise self._explained(lost) from lost
        except TimeoutError:
            raise HostUnavailable(self._late()) from None
        finally:
            call.cancel()

    async def aclose(self) -> None:
        if self._channel is not None:
            await self._channel.close(grace=None)
            self._channel = None
            self._stubs = {}

    async def _reached(self, service: ServiceDescriptor) -> Stub:
        if self._channel is None:
            self._channel = self._opened()
        channel = self._channel
        if channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            with suppress(TimeoutError):
                await asyncio.wait_for(channel.channel_ready(), RECONNECTING_SECONDS)
        if service.full_name not in self._stubs:
            self._stubs[service.full_name] = Stub(channel, service)
        return self._stubs[service.full_name]

    def _opened(self) -> grpc.aio.Channel:
        if not self.address.startswith(TLS):
            return grpc.aio.insecure_channel(self.address, options=OPTIONS)
        try:
            roots = self._authority.read_bytes() if self._authority else None
        except OSError as fault:
            raise HostUnavailable(
                f"{self._authority} cannot be read, so {self.address} cannot be called: {fault}"
            ) from fault
        credentials = grpc.ssl_channel_credentials(root_certificates=roots)
        return grpc.aio.secure_channel(self.address.removeprefix(TLS), credentials, options=OPTIONS)

    def _explained(self, lost: grpc.aio.AioRpcError) -> ChassisError:
        match lost.code():
            case grpc.StatusCode.UNIMPLEMENTED:
                return NotFound(f"gRPC error: {self.address} does not offer this: {lost.details()}")
            case grpc.StatusCode.UNAVAILABLE:
                return HostUnavailable(f"connection failed: {self.address}: {lost.details()}")
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                return HostUnavailable(self._late())
        return HostUnavailable(f"gRPC error: {lost.code().name}: {lost.details()}")

    def _late(self) -> str:
        return f"gRPC error: {self.address} did not answer within {self._timeout_seconds:g} s"
