"""Stands before every route: what a hostile page in the user's browser could send does not get in.

A page of another site can make the browser send requests here. It cannot choose their Host header once the name is
bound to this machine (DNS rebinding), nor hide its Origin, nor send JSON without asking first; so each of these is
checked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qntx.host.api.errors import fault

OWN_SITE = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site: a page of ours, or the person themselves."""

HARDENING = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
INERT = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""What the API answers is data: opened as a page, it runs nothing and has no origin."""


class Guard:
    """ASGI middleware. Names are compared without ports: one machine, one trust.

    `any_address` lets in what is addressed to a number: no name that could be bound anew, but off loopback only where a
    token is demanded besides.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Collection[str], origins: Collection[str], any_address: bool = False
    ) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._any_address = any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if (reason := self._foreign(scope, headers)) is not None:
            await fault(403, reason)(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, _hardened(scope, send))

    def _foreign(self, scope: Scope, headers: Headers) -> str | None:
        """Why this request is not from the user, as far as a browser tells."""
        host = headers.get("host", "")
        if not self._own_name(_name(host)):
            return f"{host!r} is not a name of this host; add it to host.allowed_hosts if it is"
        origin = headers.get("origin")
        if origin is not None:
            scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
            if origin.lower() not in self._origins | {f"{scheme}://{host}".lower()}:
                return f"pages of {origin} may not call this host; add it to host.allowed_origins if they should"
        elif headers.get("sec-fetch-site", "none") not in OWN_SITE and scope["path"].startswith(("/api/", "/ws/")):
            return "pages of other sites may not call this host"
        return None

    def _own_name(self, name: str) -> bool:
        if name in self._hosts or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(name).is_loopback or self._any_address
        except ValueError:
            return False


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _hardened(scope: Scope, send: Send) -> Send:
    async def harden(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HARDENING.items():
                headers.setdefault(name, value)
            if scope["path"].startswith("/api/"):
                headers["Content-Security-Policy"] = INERT
        await send(message)

    return harden
