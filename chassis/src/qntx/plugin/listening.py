"""Where a plugin listens, and whom it lets in.

On loopback whoever can connect may call, as QNTX has it, unless a token is set. Off loopback the plugin does not start
without a token or a certificate authority for its callers.
"""

from __future__ import annotations

import ipaddress
import logging

import grpc
import grpc.aio

from qntx.errors import InvalidRequest
from qntx.plugin.arguments import TOKEN_VARIABLE, Arguments, Credentials

PORTS_TRIED_MAX = 64

_log = logging.getLogger("qntx.plugin")


def bind(server: grpc.aio.Server, arguments: Arguments) -> int:
    """Take the port asked for, or one of those that follow where it is in use. Returns the port taken."""
    _refuse_open_door(arguments)
    last = arguments.port if arguments.port_is_fixed else min(arguments.port + PORTS_TRIED_MAX - 1, 65_535)
    for port in range(arguments.port, last + 1):
        try:
            return _add_port(server, _target(arguments.host, port), arguments.credentials)
        except RuntimeError as fault:
            if port == last:
                break
            _log.warning("Port %d in use, trying %d (%s)", port, port + 1, fault)
    raise InvalidRequest("--port", f"{arguments.host}: no port from {arguments.port} to {last} is free")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_open_door(arguments: Arguments) -> None:
    given = arguments.credentials
    if is_loopback(arguments.host) or given.token or given.client_authority:
        return
    raise InvalidRequest(
        "--address",
        f"{arguments.host} is not loopback, so callers must prove who they are: give {TOKEN_VARIABLE} or --token-file, "
        "or --tls-certificate, --tls-key and --tls-client-authority",
    )


def _add_port(server: grpc.aio.Server, target: str, given: Credentials) -> int:
    if given.certificate is None or given.key is None:
        return server.add_insecure_port(target)
    authority = given.client_authority
    return server.add_secure_port(
        target,
        grpc.ssl_server_credentials(
            [(given.key.read_bytes(), given.certificate.read_bytes())],
            root_certificates=authority.read_bytes() if authority else None,
            require_client_auth=authority is not None,
        ),
    )


def _target(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
