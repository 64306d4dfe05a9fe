"""Traces: one from the caller through the host to the plugin and its worker, told to a collector that is real."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from .conftest import RunningHost

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


class Collector(ThreadingHTTPServer):
    """What is sent to it, by service."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[tuple[str, Span]] = []

    def named(self, name: str) -> list[tuple[str, Span]]:
        return [(service, span) for service, span in self.spans if span.name == name]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in sent.resource_spans:
            told = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.server.spans += [(told["service.name"], span) for span in scope.spans]  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{running.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def host(start_host: Callable[..., RunningHost], bare_home: Any, repository: Path, collector: Collector) -> RunningHost:
    """With the plugin of this checkout, whose environment has the extra."""
    program = bare_home.plugins / "qntx-python-plugin"
    manifest = repository / "variants" / "python" / "plugin.toml"
    command = f'exec {sys.executable} -IB -m qntx.plugin --name python --manifest {manifest} "$@"'
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)
    running = start_host()
    running.until_state("python", "running")
    return running


def attributes(span: Span) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


def test_a_request_its_run_and_its_worker_are_one_trace_of_the_callers(host: RunningHost, collector: Collector) -> None:
    sent = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    answer = host.http.post("/api/python/execute", json={"content": "6 * 7"}, headers=sent).json()
    host.http.post("/api/python/execute-file", json={"path": "/nowhere"}, headers=sent)
    host.http.post("/api/python/execute", json={"content": "1 / 0"})

    ((of_worker, worker), (_, _)) = host.until(lambda: len(found := collector.named("worker")) == 2 and found)
    ((of_plugin, run), (_, failing)) = host.until(lambda: len(found := collector.named("execute")) == 2 and found)
    requests = host.until(lambda: len(found := collector.named("POST /api/python/execute")) == 2 and found)
    (of_host, request), (_, of_nobody) = requests

    assert (of_host, of_plugin, of_worker) == ("qntx-host", "qntx-python-plugin", "qntx-python-plugin")
    assert {span.trace_id.hex() for span in (request, run, worker)} == {TRACE}
    assert request.parent_span_id.hex() == CALLER
    assert run.parent_span_id == request.span_id
    assert worker.parent_span_id == run.span_id
    assert attributes(run)["qntx.execution_id"] == answer["execution_id"]
    assert attributes(run)["qntx.outcome"] == "finished"
    assert run.start_time_unix_nano <= worker.start_time_unix_nano < worker.end_time_unix_nano
    assert attributes(request)["qntx.status"] == 200
    assert failing.status.code == Status.STATUS_CODE_ERROR
    assert failing.trace_id == of_nobody.trace_id != request.trace_id
    assert collector.named("POST /api/{plugin}/{path:path}"), "what a plugin is asked is named by its pattern"


def test_a_collector_that_is_away_delays_nothing(
    start_host: Callable[..., RunningHost], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    host = start_host()
    host.http.get("/api/plugins")

    assert host.end() == 0
