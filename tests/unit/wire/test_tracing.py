"""Traces cost nothing and say nothing unless they are wanted."""

from __future__ import annotations

import subprocess
import sys

import pytest

from qntx.wire import tracing


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}, False),
    ],
)
def test_they_are_wanted_where_it_is_said_where_to(environment: dict[str, str], wanted: bool) -> None:
    assert tracing.wanted(environment) is wanted


def test_untold_spans_do_nothing_and_leave_no_context() -> None:
    tracing.start("x", "1", {})

    with tracing.span("outer", parent="00-" + "a" * 32 + "-" + "b" * 16 + "-01") as span:
        span.name("other")
        span.tell(count=1)
        span.part("inner", 0.1)
        span.failed("it did")
        assert span.traceparent == ""
        assert tracing.context.get() == ""


def test_neither_host_nor_plugin_loads_opentelemetry_unless_traces_are_wanted() -> None:
    code = "import sys, qntx.host.app, qntx.plugin.server; print([m for m in sys.modules if m.startswith('opentel')])"

    printed = subprocess.run([sys.executable, "-Ic", code], capture_output=True, text=True, check=True).stdout

    # DBOS brings its interface, and nothing that sends.
    assert "opentelemetry.sdk" not in printed
    assert "opentelemetry.exporter" not in printed


def test_where_the_extra_is_missing_that_is_said_and_nothing_else_happens() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from qntx.wire import tracing\n"
        "tracing.start('x', '1', {'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://c:4318'})\n"
        "with tracing.span('y') as span: print(repr(span.traceparent))"
    )

    done = subprocess.run([sys.executable, "-Ic", code], capture_output=True, text=True, check=True)

    assert done.stdout == "''\n"
    assert "qntx-chassis[otel]" in done.stderr
