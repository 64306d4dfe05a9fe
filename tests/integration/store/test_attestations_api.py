"""Attestations over HTTP, on a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from qntx.host.api import app, attestations, events
from qntx.host.config import HostSection
from qntx.host.events import Hub
from qntx.host.serving import HttpServer
from qntx.host.store.node_key import NodeKey
from qntx.host.store.sqlite import SQLiteStore
from qntx.model.attestation import Draft


class Served:
    def __init__(self, client: httpx.AsyncClient, store: SQLiteStore, hub: Hub) -> None:
        self.client = client
        self.store = store
        self.hub = hub

    async def get(self, **params: Any) -> httpx.Response:
        return await self.client.get("/api/attestations", params=params)

    async def post(self, **body: Any) -> httpx.Response:
        return await self.client.post("/api/attestations", json=body)


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    hub = Hub()
    async with SQLiteStore(tmp_path / "attestations.db", NodeKey.generate()) as store:
        routers = [attestations.router(store), events.router(store, hub)]
        server = HttpServer(app.create(HostSection(), routers), "127.0.0.1", 0)
        async with server, httpx.AsyncClient(base_url=server.url, timeout=20) as client:
            yield Served(client, store, hub)


async def test_an_attestation_is_created_and_read_back_in_qntx_own_shape(served: Served) -> None:
    answer = await served.post(
        subjects=["vacancies"], predicates=["handler"], contexts=["python"], timestamp=1, attributes={"code": "1"}
    )

    created = answer.json()
    assert (answer.status_code, created["status"]) == (201, "created")
    (found,) = (await served.get(predicate="handler", limit=100)).json()
    assert found == (await served.client.get(f"/api/attestations/{created['id']}")).json()
    assert found["id"] == created["id"]
    assert found["timestamp"] == "1970-01-01T00:00:01.000Z"
    assert (found["contexts"], found["actors"], found["source"]) == (["python"], [], "api")
    assert found["attributes"] == {"code": "1"}
    assert found["created_at"].endswith("Z")
    verified = (await served.client.get(f"/api/attestations/{created['id']}/verification")).json()
    assert verified == {"valid": True, "signer_did": found["signer_did"]}


async def test_the_same_id_is_created_once(served: Served) -> None:
    first = await served.post(id="MINE", subjects=["a"], predicates=["p"])
    second = await served.post(id="MINE", subjects=["b"], predicates=["p"])

    assert (first.status_code, first.json()) == (201, {"id": "MINE", "status": "created"})
    assert (second.status_code, second.json()) == (200, {"id": "MINE", "status": "exists"})
    assert (await served.client.get("/api/attestations/MINE")).json()["subjects"] == ["a"]
    assert (await served.client.get("/api/attestations/MINE/verification")).json()["valid"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"predicates": ["p"]}, "subjects"),
        ({"subjects": [], "predicates": ["p"]}, "subjects"),
        ({"subjects": ["a"], "predicates": []}, "predicates"),
        ({"subjects": ["a"] * 101, "predicates": ["p"]}, "subjects"),
        ({"subjects": ["a"], "predicates": ["p"], "actors": ["ä" * 501]}, "actors"),
        ({"subjects": "a", "predicates": ["p"]}, "subjects"),
        ({"subjects": ["a"], "predicates": ["p"], "timestamp": "now"}, "timestamp"),
        ({"subjects": ["a"], "predicates": ["p"], "timestamp": 10**12}, "timestamp"),
        ({"subjects": ["a"], "predicates": ["p"], "contexts": [""]}, "contexts[0]"),
        ({"subjects": ["a"], "predicate": ["p"]}, "predicate"),
        ({"subjects": ["a"], "predicates": ["p"], "attributes": {"x": "y" * 2_000_000}}, "attributes"),
    ],
)
async def test_what_cannot_be_kept_is_refused_with_the_field(served: Served, body: dict[str, Any], field: str) -> None:
    answer = await served.post(**body)

    assert answer.status_code == 400
    assert answer.json()["field"] == field
    assert await served.store.position() == 0


async def test_numbers_json_does_not_have_and_broken_texts_are_refused(served: Served) -> None:
    for text in ('{"x": NaN}', '{"x": Infinity}', '{"x": "\\ud800"}', '{"x": 1e999}'):
        body = '{"subjects": ["a"], "predicates": ["p"], "attributes": %s}' % text  # noqa: UP031
        answer = await served.client.post(
            "/api/attestations", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 400, text


@pytest.mark.parametrize("value", [b'{"x":' * 5000 + b"1" + b"}" * 5000, b"1" + b"0" * 5000, b'"\xe4"'])
async def test_a_body_that_no_reader_takes_says_what_it_has_to_be(served: Served, value: bytes) -> None:
    body = b'{"subjects": ["a"], "predicates": ["p"], "attributes": {"x": %s}}' % value

    answer = await served.client.post("/api/attestations", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert "it has to be UTF-8" in answer.json()["error"]


async def test_questions_are_asked_in_the_query_string(served: Served) -> None:
    for subject, context in (("a", "x"), ("b", "x"), ("c, d", "y")):
        await served.store.add(Draft(subjects=[subject], contexts=[context], timestamp_ms=86_400_000))

    async def found(**params: Any) -> list[str]:
        answer = await served.get(**params)
        assert answer.status_code == 200
        return [record["subjects"][0] for record in answer.json()]

    assert await found() == ["c, d", "b", "a"]
    assert await found(subject="a, B") == ["b", "a"]
    assert await found(subjects="c, d") == ["c, d"]
    assert await found(subjects=["a", "c, d"]) == ["c, d", "a"]
    assert await found(context="x", limit=1) == ["b"]
    assert await found(since="1970-01-02") == ["c, d", "b", "a"]
    assert await found(until="1970-01-01T23:59:59Z") == []
    assert await found(since="1 h") == []


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"since": "whenever"}, "since"),
        ({"until": "5"}, "until"),
        ({"predicat": "p"}, "predicat"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(served: Served, params: dict[str, Any], field: str) -> None:
    answer = await served.get(**params)

    assert answer.status_code == 400
    assert answer.json()["field"] == field


async def test_an_unknown_id_is_not_found(served: Served) -> None:
    answer = await served.client.get("/api/attestations/AS-NOBODY")

    assert answer.status_code == 404
    assert "AS-NOBODY" in answer.json()["error"]


async def test_an_answer_has_at_most_a_thousand_and_lines_have_all(served: Served) -> None:
    await served.store.add_many([Draft(subjects=["a"], attributes={"n": n}) for n in range(2500)])

    assert len((await served.get()).json()) == 100
    assert len((await served.get(limit=5000)).json()) == 1000
    lines = await served.client.get("/api/attestations", headers={"Accept": "application/x-ndjson"})
    numbers = [json.loads(line)["attributes"]["n"] for line in lines.text.splitlines()]
    assert numbers == list(range(2499, -1, -1))


async def follow(served: Served, last: str = "", **params: Any) -> AsyncGenerator[tuple[str, str, Any], None]:
    headers = {"Last-Event-ID": last} if last else {}
    async with served.client.stream("GET", "/api/events", params=params, headers=headers) as answer:
        assert answer.status_code == 200
        event: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line == "" and "data" in event:
                yield event["event"], event.get("id", ""), json.loads(event["data"])
                event = {}
            elif line.startswith(":"):
                yield "", "", None
            elif line:
                event[name] = value


async def test_attestations_are_followed_as_they_arrive_and_resumed_without_a_gap(served: Served) -> None:
    await served.store.add(Draft(subjects=["before"]))
    async with aclosing(follow(served, subject="a", kinds="attestation")) as events_:
        await anext(events_)
        await served.store.add_many([Draft(subjects=["b"]), Draft(subjects=["a"])])
        kind, position, record = await asyncio.wait_for(anext(events_), 10)

    assert (kind, position, record["subjects"]) == ("attestation", "3", ["a"])
    missed = await served.store.add(Draft(subjects=["a"]))
    async with aclosing(follow(served, last=position, subject="a")) as events_:
        await anext(events_)
        _, _, record = await asyncio.wait_for(anext(events_), 10)
    assert record["id"] == missed.id


async def test_other_happenings_are_told_and_chosen_by_kind(served: Served) -> None:
    async with aclosing(follow(served, kinds="job,plugin")) as events_:
        await anext(events_)
        await asyncio.sleep(0.05)
        served.hub.publish("firing", watcher_id="w")
        served.hub.publish("plugin", name="bio", state="running")

        assert await asyncio.wait_for(anext(events_), 10) == ("plugin", "", {"name": "bio", "state": "running"})


async def test_an_unknown_kind_of_event_is_refused(served: Served) -> None:
    answer = await served.client.get("/api/events", params={"kinds": "attestations"})

    assert (answer.status_code, answer.json()["field"]) == (400, "kinds")
