"""What every call passes on its way in: who calls, and what an error becomes on its way out."""

from __future__ import annotations

import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from qntx.errors import ChassisError
from qntx.plugin.executor import calling_host, calling_principal
from qntx.wire import caller, tracing
from qntx.wire.status import status_of

_log = logging.getLogger("qntx.plugin")

HEALTH = "/grpc.health.v1.Health/"
"""gRPC's own service, which raises none of our errors, and whose Watch is no generator."""

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]


class ErrorsToStatus(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # it takes none at run time
    """Our errors end a call with the status and text they stand for; any other is logged and says INTERNAL."""

    async def intercept_service(self, continuation: Continuation, details: grpc.HandlerCallDetails) -> Any:
        handler = await continuation(details)
        if handler is None or details.method.startswith(HEALTH):
            return handler
        if handler.unary_unary is not None:
            return _with(handler, unary_unary=_guarded(handler.unary_unary, details.method))
        if handler.unary_stream is not None:
            return _with(handler, unary_stream=_guarded_stream(handler.unary_stream, details.method))
        if handler.stream_stream is not None:
            return _with(handler, stream_stream=_guarded_stream(handler.stream_stream, details.method))
        return handler


class CallerNoted(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Notes which host asks, for whom, and in which trace: while its call is answered, and for what that sets going."""

    async def intercept_service(self, continuation: Continuation, details: grpc.HandlerCallDetails) -> Any:
        told = dict(details.invocation_metadata)
        calling_host.set(str(told.get(caller.HOST, "")))
        calling_principal.set(caller.principal_of(details.invocation_metadata))
        tracing.context.set(str(told.get(tracing.HEADER, "")))
        return await continuation(details)


class TokenRequired(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Lets in who sends `authorization: Bearer TOKEN`. Whether the plugin serves may be asked without."""

    def __init__(self, token: str) -> None:
        self._wanted = f"Bearer {token}".encode()

    async def intercept_service(self, continuation: Continuation, details: grpc.HandlerCallDetails) -> Any:
        if details.method.startswith(HEALTH):
            # gRPC's own load balancing asks, and has no token to show.
            return await continuation(details)
        given = dict(details.invocation_metadata).get("authorization", "")
        if hmac.compare_digest(given.encode() if isinstance(given, str) else given, self._wanted):
            return await continuation(details)
        return grpc.unary_unary_rpc_method_handler(_turn_away)


async def _turn_away(_request: Any, context: Any) -> None:
    await context.abort(
        grpc.StatusCode.UNAUTHENTICATED, "send the plugin's token as metadata `authorization: Bearer …`"
    )


def _guarded(call: Callable[..., Awaitable[Any]], method: str) -> Callable[..., Awaitable[Any]]:
    async def guarded(request: Any, context: Any) -> Any:
        try:
            return await call(request, context)
        except Exception as error:
            await _abort(context, error, method)

    return guarded


def _guarded_stream(call: Callable[..., AsyncIterator[Any]], method: str) -> Callable[..., AsyncIterator[Any]]:
    async def guarded(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for message in call(request, context):
                yield message
        except Exception as error:
            await _abort(context, error, method)

    return guarded


async def _abort(context: Any, error: Exception, method: str) -> None:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, ChassisError):
        said = ((caller.SAID, type(error).__name__),)
        await context.abort(status_of(error).grpc, str(error), trailing_metadata=said)
    _log.error("%s failed", method, exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, f"internal error: {type(error).__name__}: {error}")


def _with(handler: Any, **behaviour: Any) -> Any:
    return handler._replace(**behaviour)
