"""Any bytes and any requests at all, put to a real plugin: it answers, and serves on."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.processes import Plugin

from qntx.protocol import domain_pb2 as domain
from qntx.protocol import python_pb2, runtime_pb2
from qntx.wire.services import Stub

MANIFEST = Path(__file__).parents[3] / "variants" / "python" / "plugin.toml"
COMMAND = [sys.executable, "-IB", "-m", "qntx.plugin", "--name", "python", "--manifest", str(MANIFEST), "--port", "0"]
DOMAIN = domain.DESCRIPTOR.services_by_name["DomainPluginService"]
SERVICES = [
    DOMAIN,
    python_pb2.DESCRIPTOR.services_by_name["PythonService"],
    runtime_pb2.DESCRIPTOR.services_by_name["PythonRuntime"],
]
METHODS = [
    f"/{service.full_name}/{method.name}"
    for service in SERVICES
    for method in service.methods
    if method.name != "Shutdown" and not method.client_streaming and not method.server_streaming
]
STREAMS = [
    f"/{service.full_name}/{method.name}"
    for service in SERVICES
    for method in service.methods
    if method.server_streaming and not method.client_streaming
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        "content",
        "code",
        "expr",
        "path",
        "package",
        "packages",
        "module",
        "modules",
        "timeout_secs",
        "glyph_id",
        "upstream_attestation",
        "capture_variables",
        "python_paths",
        "session_id",
        "force",
    ]
)
BODIES = st.binary(max_size=60) | st.dictionaries(FIELDS, VALUES, max_size=4).map(
    lambda body: json.dumps(body).encode()
)

often = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def channel() -> Iterator[grpc.Channel]:
    plugin = Plugin(COMMAND, {"UV_OFFLINE": "1"})
    try:
        with grpc.insecure_channel(f"127.0.0.1:{plugin.wait_for_port()}") as channel:
            grpc.channel_ready_future(channel).result(20)
            Stub(channel, DOMAIN).Initialize(domain.InitializeRequest(config={"timeout_secs": "1"}), timeout=30)
            yield channel
    finally:
        plugin.stop()


@pytest.fixture(scope="module")
def paths(channel) -> list[str]:
    answer = Stub(channel, DOMAIN).Initialize(domain.InitializeRequest(config={"timeout_secs": "1"}), timeout=30)
    return sorted({route.path for route in answer.http_routes})


def test_any_http_request_is_answered_with_a_legal_status(channel, paths):
    stub = Stub(channel, DOMAIN)

    @often
    @given(
        st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", ""]) | st.text(max_size=5),
        st.sampled_from(paths) | st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
        st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
        BODIES,
    )
    def check(method, path, query, body):
        answer = stub.HandleHTTP(domain.HTTPRequest(method=method, path=f"{path}?{query}", body=body), timeout=20)

        assert 200 <= answer.status_code <= 599
        assert answer.status_code != 500, answer.body

    check()


def test_any_bytes_for_any_method_leave_the_plugin_serving(channel):
    @often
    @given(st.sampled_from(METHODS), st.binary(max_size=200))
    def check(method, request):
        answered = channel.unary_unary(method).future(request, timeout=20)

        assert answered.code() is not grpc.StatusCode.UNAVAILABLE

    check()

    answer = Stub(channel, python_pb2.DESCRIPTOR.services_by_name["PythonService"]).Execute(
        python_pb2.PythonExecuteRequest(code="_result = 6 * 7"), timeout=30
    )
    assert json.loads(answer.result)["result"] == 42


def test_any_bytes_for_any_stream_leave_the_plugin_serving(channel):
    """Code among them runs out its second."""

    @settings(often, max_examples=30)
    @given(st.sampled_from(STREAMS), st.binary(max_size=60))
    def check(method, request):
        events = channel.unary_stream(method)(request, timeout=20)
        with contextlib.suppress(grpc.RpcError):
            for _ in events:
                pass

        assert events.code() is not grpc.StatusCode.UNAVAILABLE

    check()

    assert Stub(channel, DOMAIN).Health(domain.Empty(), timeout=30).healthy


def test_any_messages_over_a_websocket_leave_the_plugin_serving(channel):
    kinds = st.sampled_from(domain.WebSocketMessage.Type.values())
    frames = st.builds(
        domain.WebSocketMessage, type=kinds, data=BODIES, timestamp=st.integers(0, 2**62), headers=st.just({"a": "b"})
    )

    @settings(often, max_examples=30)
    @given(st.lists(frames, max_size=4))
    def check(said):
        closing = domain.WebSocketMessage(type=domain.WebSocketMessage.CLOSE)
        heard = list(Stub(channel, DOMAIN).HandleWebSocket(iter([*said, closing]), timeout=20))

        assert heard[-1].type == domain.WebSocketMessage.CLOSE

    check()

    assert Stub(channel, DOMAIN).Health(domain.Empty(), timeout=30).healthy
