"""Spans by OpenTelemetry, sent by OTLP over HTTP, configured by its own environment variables."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from qntx.wire.tracing import HEADER, Kind, Value

FLUSH_SECONDS = 1.0
"""What is not sent by then when a process ends is lost: nothing waits for a collector that is away."""

KINDS: dict[Kind, SpanKind] = {"server": SpanKind.SERVER, "internal": SpanKind.INTERNAL}

_propagator = TraceContextTextMapPropagator()


class Begun:
    """A span of ours."""

    def __init__(self, provider: TracerProvider, span: Span, within: Context) -> None:
        self._provider = provider
        self._span = span
        self._within = within
        carrier: dict[str, str] = {}
        _propagator.inject(carrier, within)
        self.traceparent = carrier[HEADER]

    def name(self, name: str) -> None:
        self._span.update_name(name)

    def tell(self, **attributes: Value) -> None:
        _tell(self._span, attributes)

    def failed(self, why: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR, why))

    def part(self, name: str, seconds: float, **attributes: Value) -> None:
        ended = time.time_ns()
        tracer = self._provider.get_tracer(__name__)
        span = tracer.start_span(name, self._within, start_time=ended - int(seconds * 1e9))
        _tell(span, attributes)
        span.end(ended)


class OpenTelemetry:
    """This process, as a service that others see the spans of."""

    def __init__(self, service: str, version: str, exporter: SpanExporter | None = None) -> None:
        resource = Resource.create({"service.name": service, "service.version": version})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))

    @contextmanager
    def span(self, name: str, kind: Kind, parent: str) -> Iterator[Begun]:
        before = _propagator.extract({HEADER: parent}, Context()) if parent else Context()
        span = self._provider.get_tracer(__name__).start_span(name, before, KINDS[kind])
        begun = Begun(self._provider, span, set_span_in_context(span, before))
        try:
            yield begun
        except BaseException as error:
            begun.failed(type(error).__name__)
            raise
        finally:
            span.end()

    def close(self) -> None:
        # A thread of its own, which is left behind: the call keeps to no time limit of its own while it tries again.
        flushing = threading.Thread(target=self._provider.force_flush, daemon=True)
        flushing.start()
        flushing.join(FLUSH_SECONDS)


def _tell(span: Span, attributes: Mapping[str, Value]) -> None:
    for name, value in attributes.items():
        span.set_attribute(f"qntx.{name}", value)
