"""Whatever else is under `/api/NAME/` is the plugin's own: one request, one HandleHTTP call, its answer as it is."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from qntx.errors import PluginUnavailable
from qntx.host.api.access import caller_of
from qntx.host.plugins.registry import Registry
from qntx.protocol import domain_pb2

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "content-length"}
)
"""Headers of one connection, not of the answer."""

NOT_FORWARDED = HOP_BY_HOP | {"host"}

CREDENTIALS = frozenset({"authorization", "cookie"})
"""Where the caller showed them to this host, they are none of the plugin's business."""


def router(registry: Registry) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.api_route("/api/{plugin}", methods=METHODS)
    @routes.api_route("/api/{plugin}/{path:path}", methods=METHODS)
    async def proxy(plugin: str, request: Request, path: str = "") -> Response:
        client = registry.get(plugin).reached()
        return _response(plugin, await client.handle_http(await _request(request, path), caller_of(request).name))

    return routes


async def _request(request: Request, path: str) -> domain_pb2.HTTPRequest:
    query = request.url.query
    kept = NOT_FORWARDED | CREDENTIALS if caller_of(request).name else NOT_FORWARDED
    return domain_pb2.HTTPRequest(
        method=request.method,
        path=f"/{path}?{query}" if query else f"/{path}",
        headers=[
            domain_pb2.HTTPHeader(name=name.title(), values=request.headers.getlist(name))
            for name in dict.fromkeys(request.headers.keys())
            if name not in kept
        ],
        body=await request.body(),
    )


def _response(plugin: str, answer: domain_pb2.HTTPResponse) -> Response:
    if not 200 <= answer.status_code <= 599:
        raise PluginUnavailable(f"plugin {plugin!r} answered with {answer.status_code}, which is no final HTTP status")
    response = Response(answer.body, answer.status_code)
    for header in answer.headers:
        if header.name.lower() not in HOP_BY_HOP:
            for value in header.values:
                response.headers.append(header.name, value)
    return response
