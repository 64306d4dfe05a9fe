"""Spans of what is done for a caller, and the W3C trace context that joins those of several processes.

Nothing happens unless `OTEL_EXPORTER_OTLP_ENDPOINT` names where spans are to go; OpenTelemetry, the extra `otel`, is
loaded only then. A call on a plugin carries `traceparent` as metadata, so its spans continue those of the host.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Literal, Protocol

HEADER = "traceparent"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
DISABLED = "OTEL_SDK_DISABLED"
IMPLEMENTATION = "qntx.wire.spans"

Kind = Literal["server", "internal"]
Value = str | bool | int | float

context: ContextVar[str] = ContextVar(HEADER, default="")
"""The span that what is done now belongs to; empty where there is none."""

_log = logging.getLogger("qntx.tracing")


class Span(Protocol):
    """Something that is being done."""

    traceparent: str

    def name(self, name: str) -> None: ...

    def tell(self, **attributes: Value) -> None: ...

    def failed(self, why: str) -> None: ...

    def part(self, name: str, seconds: float, **attributes: Value) -> None:
        """A part of it that has just ended, elsewhere, and took so long."""


class Tracer(Protocol):
    def span(self, name: str, kind: Kind, parent: str) -> AbstractContextManager[Span]: ...

    def close(self) -> None:
        """Send what is left, if that takes a moment only."""


class _Untold:
    """What nobody wants to know."""

    traceparent = ""

    def name(self, name: str) -> None:
        pass

    def tell(self, **attributes: Value) -> None:
        pass

    def failed(self, why: str) -> None:
        pass

    def part(self, name: str, seconds: float, **attributes: Value) -> None:
        pass


_UNTOLD = _Untold()
_tracers: list[Tracer] = []
"""At most one: as OpenTelemetry has it, a process is one service."""


def wanted(environment: Mapping[str, str]) -> bool:
    return any(environment.get(name) for name in ENDPOINTS) and environment.get(DISABLED, "").lower() != "true"


def start(service: str, version: str, environment: Mapping[str, str]) -> None:
    """Send this process's spans where the environment says, if it says so."""
    if not wanted(environment):
        return
    try:
        implementation = importlib.import_module(IMPLEMENTATION)
    except ModuleNotFoundError as missing:
        _log.warning(
            "%s is set, but the Python package %s is not installed here, so no traces are sent: "
            "pip install 'qntx-chassis[otel]'",
            next(name for name in ENDPOINTS if environment.get(name)),
            missing.name,
        )
        return
    _tracers[:] = [implementation.OpenTelemetry(service, version)]


def stop() -> None:
    """Send what is left and no more."""
    while _tracers:
        _tracers.pop().close()


@contextmanager
def span(name: str, kind: Kind = "internal", parent: str | None = None) -> Iterator[Span]:
    """Tell of what is done inside, as a part of what is being done now or of that parent."""
    if not _tracers:
        yield _UNTOLD
        return
    with _tracers[0].span(name, kind, context.get() if parent is None else parent) as begun:
        token = context.set(begun.traceparent)
        try:
            yield begun
        finally:
            context.reset(token)
