"""A plugin that runs elsewhere: where its section of am.toml says it is, and how it is called there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import structlog

from qntx.errors import InvalidConfig, InvalidRequest, PluginUnavailable
from qntx.host.plugins.settings import resolved
from qntx.model.attached import Address, parse_address
from qntx.wire.services import MESSAGE_OPTIONS

OPTIONS = (
    *MESSAGE_OPTIONS,
    # What was measured: a peer that hangs is noticed by this timeout, and by no other of gRPC's.
    ("grpc.keepalive_time_ms", 2_000),
    ("grpc.http2.ping_timeout_ms", 3_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
)

DATABASE = "database"
"""What `address` says where replicas are those that joined in the database that hosts share."""

LookUp = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses that a name stands for. Raises OSError."""

log = structlog.get_logger("qntx.host.plugins")


@dataclass(frozen=True, slots=True)
class Remote:
    """How one attached plugin is reached. Files are read when a connection is made, so that they may be renewed."""

    addresses: tuple[Address, ...]
    token: str = ""
    token_file: Path | None = None
    tls: bool = False
    tls_authority: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_name: str = ""

    def __str__(self) -> str:
        if self.in_database:
            return DATABASE
        return ", ".join(map(str, self.addresses))

    @property
    def in_database(self) -> bool:
        """Whether its replicas are those that joined, and not named here."""
        return not self.addresses

    def channel(self, target: str, *options: tuple[str, Any]) -> grpc.aio.Channel:
        """A channel to there. PluginUnavailable where a file that it needs cannot be read."""
        if not self.tls:
            return grpc.aio.insecure_channel(target, options=(*OPTIONS, *options))
        credentials = grpc.ssl_channel_credentials(
            root_certificates=_read(self.tls_authority),
            private_key=_read(self.tls_key),
            certificate_chain=_read(self.tls_certificate),
        )
        # The name was looked up here, so gRPC knows only the number that it stands for.
        named = ("grpc.ssl_target_name_override", self.tls_name or self.addresses[0].host)
        return grpc.aio.secure_channel(target, credentials, options=(*OPTIONS, named, *options))

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every call carries to be let in."""
        written = _read(self.token_file)
        token = written.decode().strip() if written is not None else self.token
        return (("authorization", f"Bearer {token}"),) if token else ()

    async def replicas(self, look_up: LookUp | None = None, joined: Sequence[Address] = ()) -> list[Address]:
        """Where there is a replica now: every address, those that joined, and every record of a name. Raises
        PluginUnavailable where not one name is known; a name that is not is left out."""
        records, addresses = look_up or _records, (*self.addresses, *joined)
        answers = await asyncio.gather(*(_looked_up(each, records) for each in addresses), return_exceptions=True)
        found: dict[Address, None] = {}
        for address, answer in zip(addresses, answers, strict=True):
            if isinstance(answer, BaseException):
                log.warning("a plugin's address is not known", address=str(address), reason=str(answer))
            else:
                found.update(dict.fromkeys(answer))
        if addresses and not found:
            raise PluginUnavailable(f"nothing is known of {', '.join(map(str, addresses))}: {answers[0]}")
        return sorted(found)


def remotes(
    of_plugins: Mapping[str, Mapping[str, Any]], environment: Mapping[str, str], *, database: str = ""
) -> dict[str, Remote]:
    """Those of the sections that name an address. `database` is the one that hosts share. Raises InvalidConfig."""
    found = {name: _remote(name, section, environment) for name, section in of_plugins.items() if "address" in section}
    for name, remote in found.items():
        if remote.in_database and not database:
            raise InvalidConfig(
                f"{name}.address", 'is "database", and hosts share none: set host.database, or name HOST:PORT'
            )
        if remote.in_database and remote.tls and not remote.tls_name:
            raise InvalidConfig(
                f"{name}.tls_name", 'is needed with address = "database": the name in every replica\'s certificate'
            )
    return found


def target(addresses: list[Address]) -> str:
    """These as one target of gRPC, which takes several numbers of one kind. IPv4 ones have a form in IPv6."""
    if all(address.number is not None and address.number.version == 4 for address in addresses):
        return "ipv4:" + ",".join(map(str, addresses))
    return "ipv6:" + ",".join(map(_as_ipv6, addresses))


def _as_ipv6(address: Address) -> str:
    return str(address) if ":" in address.host else f"[::ffff:{address.host}]:{address.port}"


async def _looked_up(address: Address, look_up: LookUp) -> list[Address]:
    """Its records; of a name that has both, those of IPv4, since both kinds would be the same replicas twice."""
    if address.number is not None:
        return [address]
    found = [Address(number, address.port) for number in await look_up(address.host)]
    return [each for each in found if ":" not in each.host] or found


async def _records(name: str) -> list[str]:
    records = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [str(record[4][0]) for record in records]


def _remote(name: str, section: Mapping[str, Any], environment: Mapping[str, str]) -> Remote:
    files = {key: _file(name, key, section.get(key)) for key in ("tls_authority", "tls_certificate", "tls_key")}
    if bool(files["tls_certificate"]) != bool(files["tls_key"]):
        raise InvalidConfig(f"{name}.tls_certificate", "goes with tls_key; name both or neither")
    if "token" in section and "token_file" in section:
        raise InvalidConfig(f"{name}.token", "goes without token_file; name one of them")
    return Remote(
        addresses=_addresses(name, section["address"]),
        token=resolved(name, "token", _text(name, "token", section.get("token", "")), environment),
        token_file=_file(name, "token_file", section.get("token_file")),
        tls=_switch(name, "tls", section.get("tls", any(files.values()))),
        tls_name=_text(name, "tls_name", section.get("tls_name", "")),
        **files,
    )


def _addresses(name: str, value: Any) -> tuple[Address, ...]:
    where = f"{name}.address"
    if value == DATABASE:
        return ()
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidConfig(where, 'is HOST:PORT, or a list of them, or "database"')
    try:
        return tuple(parse_address(where, text) for text in texts)
    except InvalidRequest as fault:
        raise InvalidConfig(where, fault.fault) from fault


def _file(name: str, key: str, value: Any) -> Path | None:
    return Path(_text(name, key, value)).expanduser() if value is not None else None


def _text(name: str, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidConfig(f"{name}.{key}", "is a text")
    return value


def _switch(name: str, key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidConfig(f"{name}.{key}", "is true or false")
    return value


def _read(file: Path | None) -> bytes | None:
    if file is None:
        return None
    try:
        return file.read_bytes()
    except OSError as fault:
        raise PluginUnavailable(f"{file} cannot be read: {fault.strerror}") from fault
