"""The store's services over real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.struct_pb2 import Struct

from qntx.host.services import ats
from qntx.host.store.node_key import NodeKey, verify
from qntx.host.store.sqlite import SQLiteStore
from qntx.model.identity import is_asid
from qntx.protocol import atsstore_pb2 as pb
from qntx.protocol import runtime_pb2
from qntx.wire.attestation import attestation_from_proto
from qntx.wire.services import MESSAGE_OPTIONS, SERVER_OPTIONS, Stub

TOKEN = "7f" * 32

DENIED = "invalid authentication token"


class Served:
    def __init__(self, channel: grpc.aio.Channel, store: SQLiteStore) -> None:
        self.ats = Stub(channel, pb.DESCRIPTOR.services_by_name["ATSStoreService"])
        self.intake = Stub(channel, runtime_pb2.DESCRIPTOR.services_by_name["AttestationIntake"])
        self.store = store


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with SQLiteStore(tmp_path / "attestations.db", NodeKey.generate()) as store:
        server = grpc.aio.server(options=SERVER_OPTIONS)
        ats.serve(server, store, TOKEN)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=MESSAGE_OPTIONS) as channel:
            yield Served(channel, store)
        await server.stop(0)


def command(subject: str = "gene", **fields: Any) -> pb.AttestationCommand:
    attributes = Struct()
    attributes.update(fields.pop("attributes", {}))
    return pb.AttestationCommand(subjects=[subject], attributes=attributes, **fields)


def generate(subject: str = "gene", **fields: Any) -> pb.GenerateAttestationRequest:
    return pb.GenerateAttestationRequest(auth_token=TOKEN, command=command(subject, **fields))


async def test_a_generated_attestation_comes_back_whole_and_signed(served: Served) -> None:
    answer = await served.ats.GenerateAndCreateAttestation(
        generate(predicates=["gc"], actors=["glyph:7"], source="bio", source_version="2", attributes={"n": 3, "f": 0.5})
    )

    assert (answer.success, answer.error) == (True, "")
    made = attestation_from_proto(answer.attestation)
    assert is_asid(made.id)
    assert (made.actors, made.contexts, made.source) == (("glyph:7",), ("_",), "bio")
    assert made.attributes == {"n": 3, "f": 0.5, "source_version": "2"}
    assert verify(made)
    assert await served.store.get(made.id) == made


async def test_a_client_can_verify_what_the_wire_made_doubles_of(served: Served) -> None:
    await served.intake.Attest(
        runtime_pb2.AttestRequest(
            auth_token=TOKEN, drafts_json=b'[{"subjects": ["a"], "attributes": {"n": 5.0, "big": 1e300, "i": 7}}]'
        )
    )

    answer = await served.ats.GetAttestations(pb.GetAttestationsRequest(auth_token=TOKEN, filter={}))

    assert verify(attestation_from_proto(answer.attestations[0]))


async def test_questions_are_answered_newest_first(served: Served) -> None:
    for subject in ("a", "b", "a"):
        await served.ats.GenerateAndCreateAttestation(generate(subject))

    async def found(**wanted: Any) -> list[str]:
        request = pb.GetAttestationsRequest(auth_token=TOKEN, filter=pb.AttestationFilter(**wanted))
        answer = await served.ats.GetAttestations(request)
        assert answer.success
        streamed = [attestation async for attestation in served.ats.GetAttestationsStream(request)]
        assert streamed == list(answer.attestations)
        return [attestation.subjects[0] for attestation in streamed]

    assert await found() == ["a", "b", "a"]
    assert await found(limit=0) == ["a", "b", "a"]
    assert await found(limit=2) == ["a", "b"]
    assert await found(subjects=["A"]) == ["a", "a"]
    assert await found(time_end=1) == []


async def test_an_attestation_with_its_own_id_is_created_once(served: Served) -> None:
    request = pb.CreateAttestationRequest(
        auth_token=TOKEN, attestation=pb.Attestation(id="AS-MINE", subjects=["a"], actors=["me"])
    )

    first = await served.ats.CreateAttestation(request)
    second = await served.ats.CreateAttestation(request)

    assert first.success
    assert (second.success, second.error) == (False, "attestation with ID AS-MINE already exists")
    kept = await served.store.get("AS-MINE")
    assert kept is not None
    assert kept.actors == ("me",)
    exists = pb.AttestationExistsRequest(auth_token=TOKEN, id="AS-MINE")
    assert (await served.ats.AttestationExists(exists)).exists
    exists.id = "AS-OTHER"
    assert not (await served.ats.AttestationExists(exists)).exists


async def test_a_batch_is_kept_whole_or_not_at_all(served: Served) -> None:
    request = pb.BatchGenerateAttestationRequest(auth_token=TOKEN, commands=[command("a"), command("b")])
    assert (await served.ats.BatchGenerateAndCreateAttestations(request)).created == 2

    request.commands.add()
    refused = await served.ats.BatchGenerateAndCreateAttestations(request)

    assert (refused.success, refused.created) == (False, 0)
    assert refused.error.startswith("[2].subjects: ")
    assert await served.store.position() == 2


async def test_a_wrong_token_is_refused_by_every_call(served: Served) -> None:
    wrong = "8" + TOKEN[1:]

    create = await served.ats.CreateAttestation(
        pb.CreateAttestationRequest(auth_token=wrong, attestation=pb.Attestation(id="x", subjects=["a"]))
    )
    made = await served.ats.GenerateAndCreateAttestation(
        pb.GenerateAttestationRequest(auth_token=wrong, command=command())
    )
    batch = await served.ats.BatchGenerateAndCreateAttestations(
        pb.BatchGenerateAttestationRequest(auth_token="", commands=[command()])
    )
    got = await served.ats.GetAttestations(pb.GetAttestationsRequest(auth_token=wrong, filter={}))
    taken = await served.intake.Attest(runtime_pb2.AttestRequest(auth_token="ü", drafts_json=b"[]"))

    for answer in (create, made, batch, got, taken):
        assert (answer.success, answer.error) == (False, DENIED)
    with pytest.raises(grpc.aio.AioRpcError, match=DENIED) as refused:
        await anext(aiter(served.ats.GetAttestationsStream(pb.GetAttestationsRequest(filter={}))))
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    await served.ats.GenerateAndCreateAttestation(generate())
    (kept,) = await served.store.after(0, limit=10)
    exists = pb.AttestationExistsRequest(auth_token=wrong, id=kept[1].id)
    assert not (await served.ats.AttestationExists(exists)).exists


async def test_a_message_without_its_part_is_answered_with_an_error(served: Served) -> None:
    create = await served.ats.CreateAttestation(pb.CreateAttestationRequest(auth_token=TOKEN))
    made = await served.ats.GenerateAndCreateAttestation(pb.GenerateAttestationRequest(auth_token=TOKEN))
    got = await served.ats.GetAttestations(pb.GetAttestationsRequest(auth_token=TOKEN))

    assert [answer.success for answer in (create, made, got)] == [False, False, False]
    assert "attestation is nil" in create.error
    assert "command is nil" in made.error
    assert "filter is nil" in got.error
    with pytest.raises(grpc.aio.AioRpcError, match="filter is nil"):
        await anext(aiter(served.ats.GetAttestationsStream(pb.GetAttestationsRequest(auth_token=TOKEN))))


async def test_the_intake_completes_drafts_and_gives_ids_in_order(served: Served) -> None:
    drafts = [
        {"subjects": ["a"], "predicates": ["p"], "contexts": ["lab"], "attributes": {"n": 1}},
        {"subjects": ["b"], "contexts": ["count"], "actors": ["me"], "timestamp": 5, "attributes": None},
    ]

    answer = await served.intake.Attest(
        runtime_pb2.AttestRequest(
            auth_token=TOKEN,
            drafts_json=json.dumps(drafts).encode(),
            source="bio",
            append_context="count",
            default_actor="glyph:7",
        )
    )

    assert (answer.success, answer.error) == (True, "")
    first, second = [await served.store.get(made) for made in answer.ids]
    assert first is not None
    assert second is not None
    assert (first.contexts, first.actors, first.source) == (("lab", "count"), ("glyph:7",), "bio")
    assert (second.contexts, second.actors, second.predicates) == (("count",), ("me",), ("_",))
    assert list(answer.timestamps_ms) == [first.timestamp_ms, 5]


@pytest.mark.parametrize(
    ("drafts", "fault"),
    [
        (b"", "drafts_json"),
        (b"{}", "drafts_json: Expected `array`"),
        (b"[{}]", "missing required field `subjects`"),
        (b'[{"subjects": "a"}]', "Expected `array`, got `str` - at `$[0].subjects`"),
        (b'[{"subjects": ["a"], "subject": 1}]', "unknown field `subject`"),
        (b'[{"subjects": ["a"], "attributes": {"x": NaN}}]', "drafts_json"),
        (b'[{"subjects": ["a"], "attributes": {"x": "\\ud800"}}]', ""),
        (b'[{"subjects": ["a"]}, {"subjects": []}]', "[1].subjects"),
        (b'[{"subjects": ["a"], "timestamp": 1.5}]', "$[0].timestamp"),
        (b"\xff", "drafts_json"),
    ],
)
async def test_the_intake_refuses_what_is_no_list_of_drafts(served: Served, drafts: bytes, fault: str) -> None:
    answer = await served.intake.Attest(runtime_pb2.AttestRequest(auth_token=TOKEN, drafts_json=drafts))

    assert not answer.success
    assert fault in answer.error
    assert await served.store.position() == 0


async def test_ten_thousand_are_streamed(served: Served) -> None:
    drafts = json.dumps([{"subjects": ["a"], "attributes": {"n": n}} for n in range(10_000)]).encode()
    await served.intake.Attest(runtime_pb2.AttestRequest(auth_token=TOKEN, drafts_json=drafts))

    request = pb.GetAttestationsRequest(auth_token=TOKEN, filter=pb.AttestationFilter(subjects=["a"]))
    streamed = [attestation async for attestation in served.ats.GetAttestationsStream(request)]

    assert [int(attestation.attributes["n"]) for attestation in streamed] == list(range(9_999, -1, -1))
