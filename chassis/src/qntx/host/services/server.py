"""What the host offers its plugins, on one loopback port that the kernel chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import grpc.aio

from qntx.errors import HostUnavailable
from qntx.wire.services import SERVER_OPTIONS

STOP_GRACE_SECONDS = 1.0


class ServiceServer:
    """An async context manager: entered, it serves; `endpoint` is host:port without a scheme."""

    def __init__(self, services: Sequence[Callable[[grpc.aio.Server], None]]) -> None:
        self._services = services
        self._server: grpc.aio.Server | None = None
        self.endpoint = ""

    async def __aenter__(self) -> Self:
        server = grpc.aio.server(options=SERVER_OPTIONS)
        for serve in self._services:
            serve(server)
        port = server.add_insecure_port("127.0.0.1:0")
        if not port:
            raise HostUnavailable("no port of 127.0.0.1 is free for the services that plugins call")
        await server.start()
        self._server, self.endpoint = server, f"127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            await self._server.stop(STOP_GRACE_SECONDS)
