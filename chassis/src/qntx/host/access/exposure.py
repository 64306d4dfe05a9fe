"""To whom may the host answer, given how it is to listen? Nobody off this machine without tokens, and TLS.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from qntx.errors import InvalidConfig
from qntx.host.config import HostSection

PLAIN = (
    "answers other machines without TLS: whoever is on the way can read tokens and everything else; set "
    "host.tls_certificate and host.tls_key, or put it behind a proxy that ends TLS"
)


def is_loopback(address: str) -> bool:
    try:
        return address == "localhost" or ip_address(address).is_loopback
    except ValueError:
        return False


def demands_tokens(section: HostSection) -> bool:
    """Whether callers must show who they are."""
    return section.require_token or bool(section.proxies) or not is_loopback(section.address)


def check(section: HostSection, *, tokens: int) -> Iterator[str]:
    """What the owner should be warned of. Raises InvalidConfig for what is not to be."""
    if bool(section.tls_certificate) != bool(section.tls_key):
        raise InvalidConfig("host.tls_certificate", "host.tls_certificate and host.tls_key go together: one is missing")
    if is_loopback(section.address):
        return
    if not tokens:
        raise InvalidConfig(
            "host.address",
            f"{section.address!r} is not a loopback address, so callers must show a token, and there is none: "
            "`qntx token create NAME --role admin`",
        )
    if not section.tls_certificate and not section.proxies:
        if not section.insecure_http:
            raise InvalidConfig(
                "host.address",
                f"{section.address!r} is not a loopback address, so it needs TLS: set host.tls_certificate and "
                "host.tls_key, or host.proxies where a proxy ends it, or `--insecure-http` to go without",
            )
        yield f"{section.address} {PLAIN}"
