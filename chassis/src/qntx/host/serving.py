"""The HTTP server: bound before it is needed, stopped when it is told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from qntx.errors import HostUnavailable

STOP_GRACE_SECONDS = 2
"""How long answers under way may take to end; streams that never would are cut."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the host's: the plugins must be stopped too."""
        yield


class HttpServer:
    """An async context manager: entered, it answers at `url`."""

    def __init__(self, app: FastAPI, address: str, port: int) -> None:
        self._app = app
        self._address = address
        self._port = port
        self._serving: asyncio.Task[None] | None = None
        self._server: _Server | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        bound = _bind(self._address, self._port)
        name = f"[{self._address}]" if ":" in self._address else self._address
        self.url = f"http://{name}:{bound.getsockname()[1]}"
        settings = uvicorn.Config(
            self._app,
            # gRPC runs on this loop too, and gains nothing from uvloop.
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_GRACE_SECONDS,
        )
        self._server = _Server(settings)
        self._serving = asyncio.create_task(self._server.serve(sockets=[bound]), name="http")
        while not self._server.started:
            await asyncio.sleep(0)
            if self._serving.done():
                await self._serving
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address, port))
    except OSError as error:
        bound.close()
        raise HostUnavailable(
            f"cannot listen on {address}:{port}: {error.strerror}; another host may be running (`qntx doctor`), "
            "or set host.port"
        ) from error
    return bound
