"""Calls home, against services that answer as QNTX's core does and as our host does."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import grpc.aio
import pytest
from tests.conformance.core import Core

from qntx.clients.ats import AttestationClient, Provenance, draft_from_json
from qntx.clients.channel import Service
from qntx.clients.fetch import FetchClient
from qntx.clients.host import Endpoints, HostClients
from qntx.clients.jobs import JobClient
from qntx.clients.schedules import ScheduleClient
from qntx.clients.scripts import ScriptClient
from qntx.errors import HostUnavailable, InvalidRequest, Refused
from qntx.model.attestation import Filter
from qntx.model.identity import is_asid
from qntx.model.ingest import IngestScript, publications_of, published
from qntx.protocol import atsstore_pb2, runtime_pb2
from qntx.wire.services import SERVER_OPTIONS, add_service

PROVENANCE = Provenance("0.1.0", handler="counter", glyph_id="g1")


@pytest.fixture
async def core():
    async with Core() as core:
        yield core
        assert core.crashes == []


@pytest.fixture
async def ats(core):
    client = AttestationClient(Service(core.endpoints["ats_store_endpoint"], core.token))
    yield client
    await client.aclose()


def _draft(subject: str = "gene", **more: Any) -> bytes:
    return json.dumps({"subjects": [subject], "predicates": ["is"], "contexts": ["lab"], **more}).encode()


async def _found(client: AttestationClient) -> Any:
    return await client.find(Filter())


async def _streamed(client: AttestationClient) -> Any:
    return [row async for row in client.stream(Filter())]


async def test_a_core_that_takes_drafts_one_by_one_gets_them_with_their_provenance(core, ats):
    stored = await ats.attest([_draft(attributes={"n": 1}), _draft("other")], PROVENANCE)

    by_id = {row.id: row for row in core.rows}
    first = by_id[stored[0][0]]
    assert [by_id[found].subjects[0] for found, _ in stored] == ["gene", "other"]
    assert (list(first.contexts), first.source, first.attributes["source_version"]) == (
        ["lab", "counter"],
        "python",
        "0.1.0",
    )
    assert stored[0][1] == first.timestamp


async def test_drafts_about_one_subject_are_stored_in_their_order(core, ats):
    await ats.attest([_draft(["a", "b"][n % 2], attributes={"n": n}) for n in range(100)], PROVENANCE)

    numbers = [int(row.attributes["n"]) for row in core.rows if row.subjects[0] == "a"]
    assert numbers == sorted(numbers)
    assert len(core.rows) == 100


async def test_a_refusal_in_the_middle_says_how_many_are_stored(core, ats):
    core.refused_subjects = {"bad"}

    with pytest.raises(Refused, match=r"refused: subject not wanted \(2 of 3 stored\)"):
        await ats.attest([_draft("a"), _draft("bad"), _draft("b")], PROVENANCE)


async def test_a_host_with_an_intake_gets_all_drafts_in_one_call():
    requests: list[runtime_pb2.AttestRequest] = []

    class Intake:
        async def Attest(self, request: runtime_pb2.AttestRequest, _context: Any) -> runtime_pb2.AttestResponse:
            requests.append(request)
            count = len(json.loads(request.drafts_json))
            ids = [f"AS-{number}" for number in range(count)]
            return runtime_pb2.AttestResponse(success=True, ids=ids, timestamps_ms=range(count))

    server = grpc.aio.server(options=SERVER_OPTIONS)
    add_service(server, runtime_pb2.DESCRIPTOR.services_by_name["AttestationIntake"], Intake())
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    client = AttestationClient(Service(f"127.0.0.1:{port}", "secret"))

    stored = await client.attest([_draft("a"), _draft("b")], PROVENANCE)

    assert stored == [("AS-0", 0), ("AS-1", 1)]
    (request,) = requests
    assert (request.auth_token, request.append_context, request.default_actor, request.source_version) == (
        "secret",
        "counter",
        "glyph:g1",
        "0.1.0",
    )
    await client.aclose()
    await server.stop(0)


async def test_a_store_is_asked_once_only_whether_it_has_an_intake(core, ats):
    await ats.attest([_draft()], PROVENANCE)
    began = len(core.rows)

    await ats.attest([_draft()], PROVENANCE)

    assert ats._intake is False
    assert len(core.rows) == began + 1


async def test_what_is_found_is_newest_first_and_limited(core, ats):
    for n in range(5):
        core.publish(["gene"], ["is"], ["lab"], {"n": n})

    found = await ats.find(Filter(subjects=["GENE"]), limit=2)

    assert [row.attributes["n"] for row in found] == [4, 3]
    assert await ats.find(Filter(), limit=0) == []
    assert len([row async for row in ats.stream(Filter())]) == 5


async def test_a_wrong_token_is_refused_in_every_form(core):
    client = AttestationClient(Service(core.endpoints["ats_store_endpoint"], "wrong"))

    for call in (client.find(Filter()), client.attest([_draft()], PROVENANCE)):
        with pytest.raises(Refused, match="refused: invalid authentication token"):
            await call
    with pytest.raises(HostUnavailable, match="gRPC error: UNAUTHENTICATED"):
        [row async for row in client.stream(Filter())]
    await client.aclose()


async def test_a_service_that_is_not_running_is_named():
    clients = HostClients(Endpoints())

    for call, text in (
        (clients.ats.find(Filter()), "ATSStore client not initialized"),
        (clients.fetch.fetch("https://x/"), "Fetch client not available in this context"),
        (clients.schedules.pause("s"), "Schedule client not available (cannot pause_schedule)"),
        (clients.jobs.enqueue("p/h", {}), "Queue client not available"),
    ):
        with pytest.raises(HostUnavailable) as caught:
            await call
        assert str(caught.value) == text
    await clients.aclose()


async def test_nobody_at_the_address_is_a_failed_connection():
    client = AttestationClient(Service("127.0.0.1:1", "t"))

    with pytest.raises(HostUnavailable, match=r"connection failed: 127.0.0.1:1"):
        await client.find(Filter())
    await client.aclose()


@pytest.mark.parametrize("ask", [_found, _streamed])
async def test_a_store_that_does_not_answer_costs_an_error_and_not_the_run(core, ask):
    core.delay_seconds = 30
    client = AttestationClient(Service(core.endpoints["ats_store_endpoint"], core.token, timeout_seconds=0.3))
    began = time.perf_counter()

    with pytest.raises(HostUnavailable, match=r"did not answer within 0\.3 s"):
        await ask(client)

    assert time.perf_counter() - began < 25, "it answers after 30 s"
    await client.aclose()


async def test_a_host_that_came_back_is_found_by_the_next_call():
    server = grpc.aio.server(options=SERVER_OPTIONS)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await server.stop(0)
    core = Core()
    client = AttestationClient(Service(f"127.0.0.1:{port}", core.token))
    with pytest.raises(HostUnavailable):
        await client.find(Filter())

    again = grpc.aio.server(options=SERVER_OPTIONS)
    add_service(again, atsstore_pb2.DESCRIPTOR.services_by_name["ATSStoreService"], core)
    again.add_insecure_port(f"127.0.0.1:{port}")
    await again.start()

    assert await client.find(Filter()) == []
    await client.aclose()
    await again.stop(0)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"{", "not JSON"),
        (b"[]", "expected an object"),
        (b'{"subjects": []}', "subjects: name at least one"),
        (b'{"subjects": "gene"}', "subjects: expected a list"),
        (b'{"subjects": ["a"], "contexts": {}}', "contexts: expected a list"),
        (b'{"subjects": ["a"], "attributes": [1]}', "attributes: expected an object"),
        (b'{"subjects": ["a"], "extra": 1}', "unknown key 'extra'"),
    ],
)
def test_a_draft_that_is_none_is_refused_by_its_field(text, fault):
    with pytest.raises(InvalidRequest, match=fault):
        draft_from_json(text, PROVENANCE)


def test_a_draft_names_its_glyph_only_where_it_names_no_actors():
    assert draft_from_json(_draft(), PROVENANCE).actors == ["glyph:g1"]
    assert draft_from_json(_draft(actors=["me"]), PROVENANCE).actors == ["me"]


def test_a_handler_is_appended_to_the_contexts_once():
    assert draft_from_json(_draft(contexts=["counter"]), PROVENANCE).contexts == ["counter"]


async def test_a_job_is_sent_with_all_that_the_queue_keeps(core):
    client = JobClient(Service(core.endpoints["queue_endpoint"], core.token))

    job_id = await client.enqueue("bio/bio.count", {"n": 1}, source="a.fa")

    (job,) = core.jobs
    assert (job.id, job.status, job.source, job.payload) == (job_id, "queued", "a.fa", b'{"n": 1}')
    assert is_asid(job_id, "JB")
    assert abs(job.created_at - time.time()) < 60
    with pytest.raises(InvalidRequest, match="payload: not a JSON value"):
        await client.enqueue("bio/bio.count", {1, 2})
    await client.aclose()


async def test_a_schedule_is_made_paused_resumed_shown_and_deleted(core):
    client = ScheduleClient(Service(core.endpoints["schedule_endpoint"], core.token))

    schedule_id = await client.create("bio/bio.count", 60, {"n": 1})
    states = []
    for change in (client.pause, client.resume, client.delete):
        await change(schedule_id)
        states.append(core.schedules[schedule_id].state)

    assert states == ["paused", "active", "deleted"]
    assert await client.interval_seconds(schedule_id) == 60
    with pytest.raises(Refused, match="refused: schedule not found"):
        await client.pause("nobody")
    with pytest.raises(InvalidRequest, match="every"):
        await client.create("bio/bio.count", 0)
    await client.aclose()


async def test_a_page_is_fetched(core):
    client = FetchClient(Service(core.endpoints["fetch_endpoint"], core.token))

    page = await client.fetch("https://example.org/", subjects=["s"], fresh=True)

    assert page == {"body": "<html>", "status_code": 200, "attestation_id": "AS-F"}
    assert (core.fetched[0].predicate, core.fetched[0].fresh) == ("http:get", True)
    await client.aclose()


async def test_publishing_a_script_again_makes_its_next_version(core, ats):
    scripts = ScriptClient(ats)
    script = IngestScript("fasta", "1", 0, glyph="py:bio", created_by="me")

    first = await scripts.publish(script, Provenance("0.1.0"))
    second = await scripts.publish(replace(script, code="2"), Provenance("0.1.0"))

    newest, old = await scripts.get("fasta", None), await scripts.get("fasta", 1)
    assert (first["version"], second["version"]) == (1, 2)
    assert newest is not None
    assert old is not None
    assert (newest["code"], newest["version"], old["code"], old["id"]) == ("2", 2, "1", first["id"])
    assert await scripts.get("fasta", 3) is None
    assert await scripts.get("nobody", None) is None
    assert [(each["name"], each["version"]) for each in await scripts.newest()] == [("fasta", 2)]
    assert list(core.rows[0].predicates) == ["defines", "handles"]
    assert list(core.rows[0].contexts) == ["python", "fasta-ingestion"]
    with pytest.raises(InvalidRequest, match="name"):
        await scripts.publish(replace(script, name="No Good"), Provenance("0.1.0"))


async def test_a_withdrawn_script_is_gone_and_keeps_its_versions(core, ats):
    scripts = ScriptClient(ats)
    await scripts.publish(IngestScript("fasta", "1", 0), Provenance("0.1.0"))
    core.publish(["script:ingest:fasta"], ["withdrawn"], ["python", "fasta-ingestion"], {"version": 1})

    assert await scripts.get("fasta", None) is None
    assert await scripts.newest() == []
    assert (await scripts.get("fasta", 1) or {})["code"] == "1"
    assert (await scripts.publish(IngestScript("fasta", "2", 0), Provenance("0.1.0")))["version"] == 2


async def test_what_a_script_publishes_is_granted_nothing(core, ats):
    await ScriptClient(ats).publish(IngestScript("git", "1", 0, needs=("network",)), Provenance("0.1.0"))

    [claim] = await ats.find(publications_of("git"))

    assert claim.source == "python"
    assert published(claim).needs == ()
