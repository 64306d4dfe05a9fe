"""The HTTP server: bound before it is needed, stopped when it is told."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from qntx.errors import HostUnavailable, InvalidConfig

STOP_GRACE_SECONDS = 2
"""How long answers under way may take to end; streams that never would are cut."""


WEBSOCKET_BYTES_MAX = 16 * 1024 * 1024
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the host's: the plugins must be stopped too."""
        yield


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: the certificate that is shown, and its key."""

    certificate: Path
    key: Path

    def check(self) -> None:
        """Raise InvalidConfig where they cannot be used, rather than at the first caller."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise InvalidConfig("host.tls_certificate", f"{self.certificate} with {self.key}: {error}") from error


class HttpServer:
    """An async context manager: entered, it answers at `url`.

    What `proxies` say in X-Forwarded-For and X-Forwarded-Proto is believed; of anybody else nothing is.
    """

    def __init__(
        self, app: FastAPI, address: str, port: int, *, tls: Tls | None = None, proxies: Sequence[str] = ()
    ) -> None:
        self._app = app
        self._address = address
        self._port = port
        self._tls = tls
        self._proxies = proxies
        self._serving: asyncio.Task[None] | None = None
        self._server: _Server | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        if self._tls is not None:
            self._tls.check()
        bound = _bind(self._address, self._port)
        # Who listens on every address is reached on this machine's own.
        here = EVERYWHERE.get(self._address, self._address)
        name = f"[{here}]" if ":" in here else here
        self.url = f"{'https' if self._tls else 'http'}://{name}:{bound.getsockname()[1]}"
        settings = uvicorn.Config(
            self._app,
            # gRPC runs on this loop too, and gains nothing from uvloop.
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(self._proxies),
            forwarded_allow_ips=list(self._proxies),
            ssl_certfile=self._tls.certificate if self._tls else None,
            ssl_keyfile=self._tls.key if self._tls else None,
            ws_max_size=WEBSOCKET_BYTES_MAX,
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
    # The protocol is named: asyncio turns Nagle's delay off only where it is, and 40 ms of each answer with it.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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
