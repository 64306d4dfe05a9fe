"""HTTP as it arrives through gRPC: one message in, one message out.

The core asks again under another path when it is answered 404, so 404 means one thing only: no such route, nothing
done.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from qntx.errors import ChassisError, NotFound
from qntx.plugin.fields import Fields
from qntx.protocol import domain_pb2
from qntx.wire.status import status_of

JSON = "application/json"

_log = logging.getLogger("qntx.plugin")


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def from_proto(cls, message: domain_pb2.HTTPRequest) -> Request:
        path, _, query = message.path.partition("?")
        return cls(
            method=message.method.upper(),
            path="/" + path.strip("/"),
            query=dict(parse_qsl(query, keep_blank_values=True, errors="replace")),
            body=message.body,
        )

    def fields(self) -> Fields:
        return Fields.of_body(self.body, self.query)


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_proto(self) -> domain_pb2.HTTPResponse:
        headers = {"Content-Type": self.content_type, **self.headers}
        return domain_pb2.HTTPResponse(
            status_code=self.status,
            headers=[domain_pb2.HTTPHeader(name=name, values=[value]) for name, value in headers.items()],
            body=self.body,
        )


def answer(value: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    description: str
    call: Callable[[Request], Awaitable[Response]]


class Router:
    """Finds the route of a request and answers for it, whatever happens there."""

    def __init__(self, routes: list[Route]) -> None:
        self.routes = routes
        self._calls = {(route.method, route.path): route.call for route in routes}
        self._methods: dict[str, list[str]] = {}
        for route in routes:
            self._methods.setdefault(route.path, []).append(route.method)

    async def handle(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        call = self._calls.get((method, request.path))
        if call is None:
            return self._unknown(request)
        try:
            return await call(request)
        except ChassisError as refusal:
            return _refused(refusal)
        except Exception as fault:
            _log.exception("%s %s failed", request.method, request.path)
            return answer({"error": f"internal error: {type(fault).__name__}: {fault}"}, 500)

    def _unknown(self, request: Request) -> Response:
        if methods := self._methods.get(request.path):
            allowed = ", ".join(methods)
            refusal = answer({"error": f"{request.path} takes {allowed}, not {request.method}"}, 405)
            return Response(405, refusal.body, headers={"Allow": allowed})
        return answer({"error": f"Unknown endpoint: {request.method} {request.path}"}, 404)


def _refused(refusal: ChassisError) -> Response:
    told = {"error": str(refusal)}
    if named := getattr(refusal, "field", ""):
        told["field"] = named
    # A thing inside a request that does not exist is a bad request here: 404 would make the core ask again.
    return answer(told, 400 if isinstance(refusal, NotFound) else status_of(refusal).http)
