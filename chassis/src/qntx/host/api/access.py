"""Lets in who may: every route has a role, and whoever calls it must have that one or a higher.

Refused before the body is read. An answer that goes on, as events do, ends when its caller's token is revoked.
"""

from __future__ import annotations

from http import HTTPStatus
from math import ceil

import structlog
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qntx.errors import ChassisError
from qntx.host.access.door import Caller, Denied, Door
from qntx.host.access.roles import Role, needed
from qntx.host.api.errors import fault

COOKIE = "qntx_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""Under TLS: by its name browsers take it from this very host only."""
CALLER = "qntx.caller"
UNAUTHORIZED = {"WWW-Authenticate": 'Bearer realm="QNTX"'}

log = structlog.get_logger("qntx.host.api")


class _Revoked(Exception):
    """Whoever is being answered is not known any more."""


class Access:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, *, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        role = needed("WEBSOCKET" if scope["type"] == "websocket" else scope["method"], scope["path"])
        if role is None:
            await self._app(scope, receive, send)
            return
        try:
            caller = who(self._door, HTTPConnection(scope))
        except ChassisError as error:
            log.error("tokens cannot be read, so nobody is let in", reason=str(error))
            await fault(503, "the host cannot read its tokens; its log has the reason")(scope, receive, send)
            return
        if isinstance(caller, Denied):
            await denial(caller, role)(scope, receive, send)
        elif caller.role < role:
            await _too_low(caller, role)(scope, receive, send)
        else:
            await self._while_known(caller, scope, receive, send)

    async def _while_known(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        async def checked(message: Message) -> None:
            if message["type"] in ("http.response.body", "websocket.send") and not self._door.still_known(caller):
                raise _Revoked
            await send(message)

        scope[CALLER] = caller
        try:
            await self._app(scope, receive, checked)
        except _Revoked:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": "the token was revoked"})
            else:
                await send({"type": "http.response.body", "body": b"", "more_body": False})


def who(door: Door, connection: HTTPConnection) -> Caller | Denied:
    """The caller that these headers and cookies speak of."""
    return door.caller(connection.headers.get("authorization", ""), login_of(connection), address_of(connection))


def login_of(connection: HTTPConnection) -> str:
    return connection.cookies.get(SECURE_COOKIE if is_secure(connection) else COOKIE, "")


def address_of(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


def is_secure(connection: HTTPConnection) -> bool:
    return connection.url.scheme in ("https", "wss")


def caller_of(connection: HTTPConnection) -> Caller:
    """Who is being answered, past this middleware."""
    caller: Caller = connection.scope[CALLER]
    return caller


def denial(denied: Denied, role: Role | None = None) -> Response:
    """Why somebody is not let in: 401, or 429 where they have tried too often."""
    if denied.wait_seconds:
        return fault(
            HTTPStatus.TOO_MANY_REQUESTS, denied.error, headers={"Retry-After": str(ceil(denied.wait_seconds))}
        )
    return fault(HTTPStatus.UNAUTHORIZED, denied.error, headers=UNAUTHORIZED, needed=role.word if role else None)


def _too_low(caller: Caller, role: Role) -> Response:
    error = f"this takes a token of role {role.word}; that of {caller.name!r} is {caller.role.word}"
    return fault(HTTPStatus.FORBIDDEN, error, needed=role.word)
