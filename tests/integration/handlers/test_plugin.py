"""A real plugin process and a store over gRPC: handlers found, run under their triggers, reloaded, remembered."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from tests.processes import Plugin, still_alive

from qntx.host.services import ats
from qntx.host.services.server import ServiceServer
from qntx.host.store.memory import MemoryStore
from qntx.host.store.node_key import NodeKey
from qntx.model.attestation import Draft, Filter
from qntx.protocol import domain_pb2, runtime_pb2
from qntx.wire.services import MESSAGE_OPTIONS, Stub

_RUNTIME = runtime_pb2.DESCRIPTOR.services_by_name["PythonRuntime"]
_SERVICE = domain_pb2.DESCRIPTOR.services_by_name["DomainPluginService"]

BOTH = '''
"""Counts sequences."""
from __future__ import annotations
from qntx import attest, schedule, watch

@watch("sequence:new", context="lab")
def count(upstream: Unknown):
    """Counts bases."""
    print("counting")
    return attest(upstream.subjects, ["sequence:counted"], attributes={"length": len(upstream.attributes.sequence)})

@schedule(every="5m")
def tick():
    return "ticked"
'''

NEW = {
    "id": "AS-1",
    "subjects": ["s1"],
    "predicates": ["sequence:new"],
    "contexts": ["lab"],
    "actors": None,
    "timestamp": "2026-08-21T21:18:29.123456789+02:00",
    "attributes": {"sequence": "ATG"},
}


class World:
    """A plugin, as a host sees it, and the store it calls."""

    def __init__(self, plugin: Any, runtime: Any, store: MemoryStore, request: domain_pb2.InitializeRequest) -> None:
        self.plugin = plugin
        self.runtime = runtime
        self.store = store
        self.request = request

    async def publish(self, name: str, code: str, *, context: str = "python") -> None:
        await self.store.add(Draft([name], ["handler"], [context], [name], {"code": code}))

    async def initialize(self) -> Any:
        return await self.plugin.Initialize(self.request, timeout=30)

    async def job(self, name: str, payload: Any = None) -> Any:
        sent = b"" if payload is None else json.dumps(payload).encode()
        request = domain_pb2.ExecuteJobRequest(job_id="JB-1", handler_name=name, payload=sent)
        return await self.plugin.ExecuteJob(request, timeout=60)

    async def found(self, predicate: str) -> list[Any]:
        return await self.store.find(Filter(predicates=[predicate]))


@pytest.fixture
async def world(repository: Path) -> AsyncIterator[World]:
    manifest = repository / "variants" / "python" / "plugin.toml"
    command = [sys.executable, "-IB", "-m", "qntx.plugin", "--name", "python", "--manifest", manifest, "--port", "0"]
    plugin = Plugin(command)
    ticks = iter(range(1_800_000_000_000, 1_900_000_000_000))
    try:
        plugin.wait_for_port()
        async with (
            MemoryStore(NodeKey(bytes(32)), lambda: next(ticks)) as store,
            ServiceServer([lambda server: ats.serve(server, store, "token")]) as services,
            grpc.aio.insecure_channel(plugin.address, options=MESSAGE_OPTIONS) as channel,
        ):
            request = domain_pb2.InitializeRequest(ats_store_endpoint=services.endpoint, auth_token="token")
            yield World(Stub(channel, _SERVICE), Stub(channel, _RUNTIME), store, request)
    finally:
        family = plugin.family()
        plugin.stop()
    assert still_alive(family) == []


def result(answer: Any) -> Any:
    assert answer.success, answer.error
    return json.loads(answer.result)


async def test_each_function_of_a_file_runs_under_its_own_trigger_only(world: World) -> None:
    await world.publish("sequences", BOTH)
    told = await world.initialize()

    watched = result(await world.job(told.watchers[0].handler_name, NEW))
    ticked = result(await world.job(told.schedules[0].handler_name))
    by_name = result(await world.job("python.sequences", NEW))

    assert (watched["stdout"], watched["result"]["attributes"]) == ("counting\n", {"length": 3})
    assert (ticked["stdout"], ticked["result"]) == ("", "ticked")
    assert by_name["stdout"] == "counting\n"
    counted = await world.found("sequence:counted")
    assert [each.contexts for each in counted] == [("sequences",), ("sequences",)]
    assert counted[0].id == by_name["result"]["id"]


async def test_what_is_announced_is_what_pulse_and_watchers_need(world: World) -> None:
    await world.publish("sequences", BOTH)
    await world.publish("vacancies", "print('Hello from vacancies handler')")

    told = await world.initialize()

    assert list(told.handler_names) == [
        "python.script",
        "python.sequences",
        "python.sequences.count",
        "python.sequences.tick",
        "python.vacancies",
        "python.__reload",
        "sequences",
        "vacancies",
    ]
    assert [(each.id, each.handler_name) for each in told.watchers] == [
        ("sequences-count", "sequences"),
        ("handler-reload", "python.__reload"),
    ]
    assert [(each.handler_name, each.interval_seconds) for each in told.schedules] == [("sequences", 300)]


async def test_handlers_made_while_it_runs_need_no_restart(world: World) -> None:
    await world.publish("vacancies", "print('Hello from vacancies handler')")
    await world.initialize()
    await world.publish("second", "def main():\n    return 'second'\n")
    await world.publish("third", "x = 3\nx")

    assert result(await world.job("python.__reload"))["reloaded"] == 3

    assert result(await world.job("python.vacancies"))["stdout"] == "Hello from vacancies handler\n"
    assert result(await world.job("python.second"))["result"] == "second"
    assert result(await world.job("python.third"))["result"] == 3
    assert len(await world.found("handlers:changed")) == 1


async def test_module_level_code_may_attest(world: World) -> None:
    await world.publish("top", "attest(['s'], ['p'], attributes={'n': 1})")
    await world.initialize()

    result(await world.job("python.top"))

    (made,) = await world.found("p")
    assert (made.contexts, made.source) == (("top",), "python")


@pytest.fixture
def modules() -> Iterator[Path]:
    """A folder of modules. Not tmp_path: that is closed to all but its owner, and a worker may be somebody else."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def test_an_import_error_heals_by_itself_once_the_module_is_there(world: World, modules: Path) -> None:
    await world.publish("later", "import not_there_yet\n@watch('p')\ndef f(u):\n    return not_there_yet.VALUE\n")
    world.request.config["python_paths"] = str(modules)
    told = await world.initialize()
    fired = {**NEW, "predicates": ["p"]}

    before = await world.job("python.later", fired)
    (modules / "not_there_yet.py").write_text("VALUE = 5\n")
    after = await world.job("python.later", fired)

    assert [each.id for each in told.watchers] == ["later-f", "handler-reload"]
    assert "ModuleNotFoundError: No module named 'not_there_yet'" in before.error
    assert result(after)["result"] == 5
    assert await world.found("handler:faulted") == []


async def test_a_failing_run_leaves_its_output_and_is_told_at_a_glance(world: World) -> None:
    await world.publish("failing", "print('so far')\nlog('careful', level='warning', row=7)\n1 / 0\n")
    await world.publish("broken", "def (:")
    await world.initialize()

    answer = await world.job("python.failing")
    health = await world.plugin.Health(domain_pb2.Empty(), timeout=30)
    listed = await world.plugin.HandleHTTP(domain_pb2.HTTPRequest(method="GET", path="/handlers"), timeout=30)

    assert not answer.success
    assert '<failing>", line 3' in answer.error
    assert [(each.stage, each.level, each.message) for each in answer.log_entries][:2] == [
        ("stdout", "info", "so far"),
        ("log", "warning", "careful"),
    ]
    assert health.healthy
    assert health.details["handlers"] == "2 (1 faulted, 1 failing)"
    assert "ZeroDivisionError" in health.details["handler.failing"]
    statuses = {each["name"]: each["status"] for each in json.loads(listed.body)["handlers"]}
    assert statuses == {"failing": "failing", "broken": "faulted"}
    (fault,) = await world.found("handler:faulted")
    assert fault.subjects == ("broken",)


async def test_a_job_can_be_watched_while_it_runs(world: World) -> None:
    await world.publish("watched", "print('one')\n@handler\ndef f(upstream):\n    return upstream.n\n")
    await world.initialize()
    request = runtime_pb2.RunJobRequest(job_id="JB-1", handler_name="python.watched", payload=b'{"n": 5}')

    events = [event async for event in world.runtime.RunJob(request, timeout=60)]
    reloaded = [
        event async for event in world.runtime.RunJob(runtime_pb2.RunJobRequest(handler_name="python.__reload"))
    ]

    assert b"".join(event.stdout for event in events) == b"one\n"
    assert (events[-1].end.outcome, events[-1].end.result_json) == (runtime_pb2.FINISHED, b"5")
    assert [json.loads(event.end.result_json) for event in reloaded] == [{"reloaded": 1}]
    health = await world.plugin.Health(domain_pb2.Empty(), timeout=30)
    assert health.details["handlers"] == "1 (0 faulted, 0 failing)"


async def test_unknown_handlers_are_not_found(world: World) -> None:
    await world.initialize()

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.job("python.nope")

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "Handler nope not found in discovered handlers"


async def test_ten_thousand_attests_in_a_loop_are_all_stored(world: World) -> None:
    code = "for n in range(10_000):\n    made = attest([f's{n}'], ['looped'], attributes={'n': n})\nmade['id']\n"
    await world.publish("loop", code)
    await world.initialize()

    answer = result(await world.job("python.loop"))

    stored = await world.found("looped")
    assert len(stored) == 10_000
    assert stored[0].id == answer["result"]


async def test_scripts_find_what_they_attested_page_by_page(world: World) -> None:
    code = (
        "attest_many({'subjects': [f's{n}'], 'predicates': ['paged']} for n in range(1200))\n"
        "found = [row.subjects[0] for row in attestations(predicates=['paged'])]\n"
        "_result = [len(found), found[0], last(predicates=['paged'])['subjects'], last(subjects=['nobody'])]\n"
    )
    await world.publish("pages", code)
    await world.initialize()

    assert result(await world.job("python.pages"))["result"] == [1200, "s1199", ["s1199"], None]


async def test_an_async_function_is_awaited(world: World) -> None:
    code = "import asyncio\n@handler\nasync def f(upstream=None):\n    await asyncio.sleep(0)\n    return upstream.n\n"
    await world.publish("later", code)
    await world.initialize()

    assert result(await world.job("python.later", {"n": 5}))["result"] == 5


async def test_the_code_of_a_glyph_with_a_decorated_function_calls_it(world: World) -> None:
    await world.initialize()
    body = {"content": "@watch('p')\ndef f(u):\n    return u.subjects\n", "upstream_attestation": NEW}
    request = domain_pb2.HTTPRequest(method="POST", path="/execute", body=json.dumps(body).encode())

    answer = json.loads((await world.plugin.HandleHTTP(request, timeout=60)).body)

    assert answer["result"] == ["s1"]


async def test_handlers_are_found_once_a_store_that_was_away_is_there(world: World) -> None:
    await world.publish("late", "x = 1\nx")
    there, world.request.ats_store_endpoint = world.request.ats_store_endpoint, "127.0.0.1:9"
    assert "python.late" not in (await world.initialize()).handler_names
    world.request.ats_store_endpoint = there

    async with asyncio.timeout(30):
        assert "python.late" in (await world.initialize()).handler_names

    assert result(await world.job("python.late"))["result"] == 1
