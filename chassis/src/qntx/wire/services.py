"""gRPC services served and called from their descriptors.

The usual generated *_pb2_grpc modules refuse to load beside an older grpcio; a descriptor knows every method's name,
types and direction, so nothing is lost by doing without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from qntx.wire import tracing

MESSAGE_BYTES_MAX = 100 * 1024 * 1024
"""Either way, as the QNTX core has it."""

MESSAGE_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
)

SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    *MESSAGE_OPTIONS,
    # The core pings every 30 s, calls or not; the defaults would answer with GOAWAY "too_many_pings".
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    # A port in use must be an error, so that the next one is tried.
    ("grpc.so_reuseport", 0),
)

Metadata = Sequence[tuple[str, str | bytes]]


def add_service(server: grpc.aio.Server, service: ServiceDescriptor, servicer: object) -> None:
    """Serve that service with the servicer's methods of the same names; what it lacks answers UNIMPLEMENTED."""
    handlers = {
        method.name: _handler(method)(
            getattr(servicer, method.name),
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )
        for method in service.methods
        if hasattr(servicer, method.name)
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))


class Stub:
    """Callables named as the service's methods: `await stub.Metadata(Empty(), timeout=1)`."""

    def __init__(self, channel: grpc.aio.Channel, service: ServiceDescriptor, metadata: Metadata = ()) -> None:
        """Each call carries that metadata, the span that it is made in, and what `metadata` it is made with."""
        self._metadata = tuple(metadata)
        self._methods = {method.name: _callable(channel, service, method) for method in service.methods}

    def __getattr__(self, name: str) -> Any:
        try:
            call = self._methods[name]
        except KeyError:
            raise AttributeError(name) from None
        within = tracing.context.get()
        metadata = (*self._metadata, (tracing.HEADER, within)) if within else self._metadata
        return partial(_saying, call, metadata)

    def __dir__(self) -> Iterator[str]:
        return iter(self._methods)


def _handler(method: MethodDescriptor) -> Callable[..., Any]:
    return _by_direction(
        method,
        grpc.unary_unary_rpc_method_handler,
        grpc.unary_stream_rpc_method_handler,
        grpc.stream_unary_rpc_method_handler,
        grpc.stream_stream_rpc_method_handler,
    )


def _callable(channel: grpc.aio.Channel, service: ServiceDescriptor, method: MethodDescriptor) -> Any:
    make = _by_direction(method, channel.unary_unary, channel.unary_stream, channel.stream_unary, channel.stream_stream)
    request: Callable[[Message], bytes] = GetMessageClass(method.input_type).SerializeToString
    response: Callable[[bytes], Message] = GetMessageClass(method.output_type).FromString
    return make(f"/{service.full_name}/{method.name}", request_serializer=request, response_deserializer=response)


def _saying(call: Any, own: Metadata, request: Any, *, metadata: Metadata = (), **how: Any) -> Any:
    return call(request, metadata=(*own, *metadata) or None, **how)


def _by_direction(
    method: MethodDescriptor,
    unary_unary: Callable[..., Any],
    unary_stream: Callable[..., Any],
    stream_unary: Callable[..., Any],
    stream_stream: Callable[..., Any],
) -> Callable[..., Any]:
    choices = ((unary_unary, unary_stream), (stream_unary, stream_stream))
    return choices[method.client_streaming][method.server_streaming]
