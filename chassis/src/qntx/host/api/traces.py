"""A span for each request of the API, as a part of whatever trace its `traceparent` names."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qntx.wire import tracing

TRACED = ("/api/", "/ws/")
FAILED = 500


class Traces:
    """ASGI middleware. It stands behind whatever decides who may call: a stranger makes no spans."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not scope["path"].startswith(TRACED):
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "WEBSOCKET")
        with tracing.span(method, "server", Headers(scope=scope).get(tracing.HEADER, "")) as span:

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.tell(status=message["status"])
                    if message["status"] >= FAILED:
                        span.failed(str(message["status"]))
                await send(message)

            try:
                await self._app(scope, receive, watched)
            finally:
                # Known once it has been routed: the pattern, not the path, which anybody can make up.
                span.name(f"{method} {getattr(scope.get('route'), 'path', '')}".rstrip())
