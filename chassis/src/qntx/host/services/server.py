"""What the host offers its plugins: on loopback, and where there are plugins elsewhere, at an address they reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import grpc.aio

from qntx.errors import HostUnavailable, InvalidConfig
from qntx.model.attached import Address, parse_address
from qntx.wire.services import SERVER_OPTIONS

STOP_GRACE_SECONDS = 1.0
TLS = "https://"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where plugins of other machines find the services, and the certificate that is shown to them."""

    listen: Address
    advertised: Address
    certificate: Path | None = None
    key: Path | None = None

    def listening(self, server: grpc.aio.Server) -> Address:
        """Listen there; returns what plugins are to be told."""
        try:
            if self.certificate is not None and self.key is not None:
                pair = (self.key.read_bytes(), self.certificate.read_bytes())
                port = server.add_secure_port(str(self.listen), grpc.ssl_server_credentials([pair]))
            else:
                port = server.add_insecure_port(str(self.listen))
        except (OSError, RuntimeError) as fault:
            raise HostUnavailable(f"the services for plugins cannot listen on {self.listen}: {fault}") from fault
        return Address(self.advertised.host, self.advertised.port or port)


def elsewhere(address: str, advertised: str, certificate: Path | None, key: Path | None) -> Elsewhere | None:
    """As the configuration says it; None where the services are for this machine only. Raises InvalidConfig."""
    if not address:
        if advertised:
            raise InvalidConfig("host.services_advertised", "goes with services_address, where they listen")
        return None
    listen = parse_address("host.services_address", address)
    told = parse_address("host.services_advertised", advertised) if advertised else listen
    if told.unspecified:
        raise InvalidConfig(
            "host.services_advertised",
            f"plugins cannot call {told}: say by which address or name they reach this machine",
        )
    return Elsewhere(listen, told, certificate, key)


class ServiceServer:
    """An async context manager: entered, it serves; `endpoint` is host:port without a scheme."""

    def __init__(
        self, services: Sequence[Callable[[grpc.aio.Server], None]], elsewhere: Elsewhere | None = None
    ) -> None:
        self._services = services
        self._elsewhere = elsewhere
        self._server: grpc.aio.Server | None = None
        self._advertised = ""
        self.endpoint = ""

    def endpoint_for(self, plugin: str, address: Address) -> str:
        """Where an attached plugin reaches the services. Raises InvalidConfig where it could not."""
        if address.loopback:
            return self.endpoint
        if not self._advertised:
            raise InvalidConfig(
                "host.services_address",
                f"not set, so plugin {plugin!r} at {address} could not call this host: set it to an address of this "
                "machine that the plugin's machine reaches, such as 10.0.0.1:8778",
            )
        return self._advertised

    async def __aenter__(self) -> Self:
        server = grpc.aio.server(options=SERVER_OPTIONS)
        for serve in self._services:
            serve(server)
        port = server.add_insecure_port("127.0.0.1:0")
        if not port:
            raise HostUnavailable("no port of 127.0.0.1 is free for the services that plugins call")
        if self._elsewhere is not None:
            told = self._elsewhere.listening(server)
            self._advertised = f"{TLS}{told}" if self._elsewhere.certificate is not None else str(told)
        await server.start()
        self._server, self.endpoint = server, f"127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            await self._server.stop(STOP_GRACE_SECONDS)
