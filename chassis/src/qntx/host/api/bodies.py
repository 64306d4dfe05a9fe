"""Reads bodies whole, up to a bound, so that nothing behind has to think of size; takes JSON alone."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qntx.host.api.access import CALLER
from qntx.host.api.errors import fault

STRANGER_BYTES_MAX = 4096
"""Of a body that comes with no token: enough to log in."""


class Bodies:
    """ASGI middleware. It stands behind whatever decides who may call: a stranger's body is not read."""

    def __init__(self, app: ASGIApp, *, body_bytes_max: int) -> None:
        self._app = app
        self._body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._checked_body(scope, Headers(scope=scope), receive, send)
        else:
            await self._app(scope, receive, send)

    async def _checked_body(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        most = self._body_bytes_max if CALLER in scope else STRANGER_BYTES_MAX
        length = headers.get("content-length", "0")
        body = None if length.isdecimal() and int(length) > most else await _read(receive, most)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if body is None:
            refusal = fault(413, f"the body is larger than {most} bytes (host.body_bytes_max)")
            await refusal(scope, receive, send)
        elif body and kind != "application/json" and not kind.endswith("+json"):
            refusal = fault(415, f"the body is {kind or 'of no type'}; send JSON, with Content-Type: application/json")
            await refusal(scope, receive, send)
        else:
            await self._app(scope, _replayed(body, receive), send)


async def _read(receive: Receive, most: int) -> bytes | None:
    """The whole body; None where it is too large."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > most:
            return None
        more = message.get("more_body", False)
    return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body that was read, once, and then whatever else the client does."""
    unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return unread.pop() if unread else await receive()

    return replay
