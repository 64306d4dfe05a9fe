"""A plugin that its host does not start but finds at an address: the keys that say so, and the addresses."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from qntx.errors import InvalidRequest

PORT_MAX = 65_535

HOSTS_KEYS = ("address", "token", "token_file", "tls", "tls_authority", "tls_certificate", "tls_key", "tls_name")
"""Keys of a plugin's section that are meant for its host: where it is, and how it is called."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a replica, or a name with several of them, is."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether it is this machine's own, and no other can reach it."""
        if self.host == "localhost":
            return True
        number = self.number
        return number is not None and number.is_loopback

    @property
    def unspecified(self) -> bool:
        """Whether it stands for all addresses of a machine, so that nobody can call it."""
        number = self.number
        return number is not None and number.is_unspecified

    @property
    def number(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """None for a name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


def parse_address(field: str, text: str) -> Address:
    """HOST:PORT, such as 10.0.0.5:38701, bio.example:38701 or [fd00::5]:38701. InvalidRequest for anything else."""
    host, separator, port = text.strip().rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not separator or not bare or (":" in bare and bare == host) or not port.isascii() or not port.isdecimal():
        raise InvalidRequest(field, f"{text!r} is not HOST:PORT, such as 10.0.0.5:38701")
    if not 0 <= int(port) <= PORT_MAX:
        raise InvalidRequest(field, f"{text!r}: {port} is not a port")
    return Address(bare, int(port))
