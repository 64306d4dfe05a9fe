"""Any bytes at all, from who has the token and who has not: what the host offers its plugins answers, and serves on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qntx.capsules import Capsule, Capsules, Level, Seal
from qntx.capsules.capsule import draft
from qntx.host.services import ats, capsules, fetch
from qntx.host.store.memory import MemoryStore
from qntx.host.web.fetcher import Fetcher
from qntx.protocol import atsstore_pb2 as pb
from qntx.protocol import capsules_pb2, fetch_pb2, runtime_pb2
from qntx.wire.services import SERVER_OPTIONS

# The servers' thread draws from `random` whenever it likes, which Hypothesis takes for the test's doing.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")

TOKEN = "7f" * 32
SHOWN = pb.GetAttestationsRequest(auth_token=TOKEN).SerializeToString()
"""Every request has its token in field 1: what follows is read as the rest of it."""

SERVICES = [
    pb.DESCRIPTOR.services_by_name["ATSStoreService"],
    runtime_pb2.DESCRIPTOR.services_by_name["AttestationIntake"],
    fetch_pb2.DESCRIPTOR.services_by_name["FetchService"],
    capsules_pb2.DESCRIPTOR.services_by_name["CapsuleService"],
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
WHOLE = draft(Capsule())
PIECES = st.lists(
    st.sampled_from([*WHOLE.pieces, b'{"id":', b",", b"}", b'"\\ud800"']) | st.binary(max_size=9), max_size=5
)
SEALED = st.builds(
    capsules_pb2.CapsuleDraft,
    id=st.sampled_from([WHOLE.id, "another", "\0"]),
    type=st.sampled_from([WHOLE.type, "none"]),
    domain=st.sampled_from([WHOLE.domain, "\0"]),
    session_id=st.none() | st.just("\0"),
    tenant_id=st.none() | st.text(max_size=3),
    pieces=st.just(WHOLE.pieces) | PIECES,
    failed=st.booleans(),
)
NO_MESSAGE = "DecodeError"
"""What gRPC itself says, as UNKNOWN, of bytes that are no message."""
BROKEN = (grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


async def _serve(told: threading.Event, ports: list[int], over: asyncio.Event, folder: Path) -> None:
    store = MemoryStore()
    trail = Capsules(folder / "capsules.db", seal=Seal(folder / "key"))
    async with Fetcher(private=False) as fetcher:
        server = grpc.aio.server(options=SERVER_OPTIONS)
        ats.serve(server, store, TOKEN)
        fetch.serve(server, store, fetcher, TOKEN)
        capsules.serve(server, trail, TOKEN)
        ports.append(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        told.set()
        await over.wait()
        await server.stop(None)
    await trail.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trail")


@pytest.fixture(scope="module")
def channel(folder: Path) -> Iterator[grpc.Channel]:
    told, over, ports = threading.Event(), asyncio.Event(), []
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(_serve(told, ports, over, folder),))
    thread.start()
    assert told.wait(20)
    with grpc.insecure_channel(f"127.0.0.1:{ports[0]}") as channel:
        yield channel
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


def test_what_is_no_capsule_is_not_sealed_and_the_trail_stays_whole(channel: grpc.Channel, folder: Path) -> None:
    """One record that nobody can read would break the chain for everybody who shares it."""
    seal = channel.unary_unary("/qntx.runtime.v1.CapsuleService/Seal")

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(SEALED, max_size=3))
    def check(drafts: list[capsules_pb2.CapsuleDraft]) -> None:
        request = capsules_pb2.SealRequest(auth_token=TOKEN, drafts=drafts)
        answer = capsules_pb2.SealResponse.FromString(seal(request.SerializeToString(), timeout=20))

        for sent, told in zip(drafts, answer.sealed, strict=True):
            same = (sent.id, sent.type, sent.domain, tuple(sent.pieces), sent.failed) == (
                *(WHOLE.id, WHOLE.type, WHOLE.domain, WHOLE.pieces, WHOLE.failed),
            )
            assert told.error or (same and not sent.HasField("session_id"))

    check()
    true = draft(Capsule())
    sealed = capsules_pb2.SealRequest(auth_token=TOKEN, drafts=[capsules_pb2.CapsuleDraft(**true._asdict())])
    [told] = capsules_pb2.SealResponse.FromString(seal(sealed.SerializeToString(), timeout=20)).sealed
    assert told.error == ""
    assert asyncio.run(_verdict(folder)) == (True, None)


async def _verdict(folder: Path) -> tuple[bool, str | None]:
    trail = Capsules(folder / "capsules.db", seal=Seal(folder / "key"))
    try:
        found = await trail.chain.verify(level=Level.SIGNATURES)
        return found.valid, found.error
    finally:
        await trail.close()


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
