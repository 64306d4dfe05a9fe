"""Any bytes at all, from who has the token and who has not: what the host offers its plugins answers, and serves on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

import grpc
import grpc.aio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qntx.host.services import ats, fetch
from qntx.host.store.memory import MemoryStore
from qntx.host.web.fetcher import Fetcher
from qntx.protocol import atsstore_pb2 as pb
from qntx.protocol import fetch_pb2, runtime_pb2
from qntx.wire.services import SERVER_OPTIONS

TOKEN = "7f" * 32
SHOWN = pb.GetAttestationsRequest(auth_token=TOKEN).SerializeToString()
"""Every request has its token in field 1: what follows is read as the rest of it."""

SERVICES = [
    pb.DESCRIPTOR.services_by_name["ATSStoreService"],
    runtime_pb2.DESCRIPTOR.services_by_name["AttestationIntake"],
    fetch_pb2.DESCRIPTOR.services_by_name["FetchService"],
]
METHODS = [
    (f"/{service.full_name}/{method.name}", method.server_streaming)
    for service in SERVICES
    for method in service.methods
]
TEXTS = st.lists(st.text(max_size=5), max_size=3)
FILTERS = st.builds(
    pb.AttestationFilter,
    subjects=TEXTS,
    predicates=TEXTS,
    time_start=st.integers(-(2**63), 2**63 - 1),
    limit=st.integers(-(2**31), 2**31 - 1),
)
COMMANDS = st.builds(
    pb.AttestationCommand, subjects=TEXTS, predicates=TEXTS, timestamp=st.integers(-(2**63), 2**63 - 1)
)
REQUESTS = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=60).map(SHOWN.__add__),
    FILTERS.map(lambda wanted: pb.GetAttestationsRequest(auth_token=TOKEN, filter=wanted).SerializeToString()),
    COMMANDS.map(lambda made: pb.GenerateAttestationRequest(auth_token=TOKEN, command=made).SerializeToString()),
    st.binary(max_size=60).map(
        lambda drafts: runtime_pb2.AttestRequest(auth_token=TOKEN, drafts_json=drafts).SerializeToString()
    ),
)
NO_MESSAGE = "DecodeError"
"""What gRPC itself says, as UNKNOWN, of bytes that are no message."""
BROKEN = (grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


async def _serve(told: threading.Event, ports: list[int], over: asyncio.Event) -> None:
    store = MemoryStore()
    async with Fetcher(private=False) as fetcher:
        server = grpc.aio.server(options=SERVER_OPTIONS)
        ats.serve(server, store, TOKEN)
        fetch.serve(server, store, fetcher, TOKEN)
        ports.append(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        told.set()
        await over.wait()
        await server.stop(None)


@pytest.fixture(scope="module")
def channel() -> Iterator[grpc.Channel]:
    told, over, ports = threading.Event(), asyncio.Event(), []
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(_serve(told, ports, over),))
    thread.start()
    assert told.wait(20)
    with grpc.insecure_channel(f"127.0.0.1:{ports[0]}") as channel:
        yield channel
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


def test_any_bytes_for_any_method_of_a_service_are_answered(channel: grpc.Channel) -> None:
    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(METHODS), REQUESTS)
    def check(method: tuple[str, bool], request: bytes) -> None:
        path, streams = method
        call = (channel.unary_stream(path) if streams else channel.unary_unary(path).future)(request, timeout=20)
        with contextlib.suppress(grpc.RpcError):
            list(call) if streams else call.result()

        assert call.code() not in BROKEN or NO_MESSAGE in call.details(), call.details()

    check()
