"""Handlers found in a real store over gRPC, reloaded, run by name and remembered."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from qntx.clients.host import Endpoints, HostClients
from qntx.errors import NotFound, Refused
from qntx.host.services import ats
from qntx.host.services.server import ServiceServer
from qntx.host.store.memory import MemoryStore
from qntx.host.store.node_key import NodeKey
from qntx.model.attestation import Draft, Filter
from qntx.model.execution import Limits, Outcome, Result
from qntx.plugin.handlers import CHANGED, Handlers
from qntx.protocol import atsstore_pb2
from qntx.protocol import schedule_pb2 as pb
from qntx.wire.services import add_service

TICK = "@schedule(every={})\ndef tick(): ...\n"
WATCH = '@watch("sequence:new", context="lab")\ndef count(upstream): ...\n'


class Schedules:
    """As QNTX's: an active schedule of a handler is answered in place of a second one."""

    def __init__(self) -> None:
        self.active: dict[str, tuple[str, int]] = {}

    async def CreateSchedule(self, request: Any, _context: Any) -> Any:
        kept = self.active.setdefault(
            request.handler_name, (f"S{request.interval_seconds}-{len(self.active)}", request.interval_seconds)
        )
        return pb.CreateScheduleResponse(success=True, schedule_id=kept[0])

    async def GetSchedule(self, request: Any, _context: Any) -> Any:
        seconds = next(seconds for name, seconds in self.active.values() if name == request.schedule_id)
        return pb.GetScheduleResponse(success=True, job=pb.ScheduledJob(interval_seconds=seconds))

    async def DeleteSchedule(self, request: Any, _context: Any) -> Any:
        self.active = {name: kept for name, kept in self.active.items() if kept[0] != request.schedule_id}
        return pb.DeleteScheduleResponse(success=True)

    def seconds(self) -> dict[str, int]:
        return {name: kept[1] for name, kept in self.active.items()}


class Silent:
    """A store that takes questions and answers none."""

    async def GetAttestationsStream(self, _request: Any, _context: Any) -> AsyncIterator[Any]:
        await asyncio.sleep(3600)
        yield


class World(SimpleNamespace):
    store: MemoryStore
    schedules: Schedules
    handlers: Handlers
    clients: HostClients

    async def publish(self, name: str, code: str, *predicates: str, context: str = "python") -> None:
        attributes = {"code": code} if code else {}
        draft = Draft([name], predicates or ["handler"], [context], attributes=attributes)
        await self.store.add(draft)

    async def attested(self, predicate: str) -> list[Any]:
        return await self.store.find(Filter(predicates=[predicate]))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    ticks = iter(range(1_800_000_000_000, 1_900_000_000_000))
    schedules = Schedules()
    service = pb.DESCRIPTOR.services_by_name["ScheduleService"]
    async with MemoryStore(NodeKey(bytes(32)), lambda: next(ticks)) as store:
        services = [
            lambda server: ats.serve(server, store, "token"),
            lambda server: add_service(server, service, schedules),
        ]
        async with ServiceServer(services) as server:
            clients = HostClients(Endpoints("token", ats=server.endpoint, schedule=server.endpoint))
            handlers = Handlers("python", "1.0", lambda: world.clients)
            world = World(store=store, schedules=schedules, handlers=handlers, clients=clients)
            yield world
            await clients.aclose()


def run(handlers: Handlers, name: str, payload: Any = None) -> Any:
    return handlers.execution(name, payload, "PX-1", Limits())


async def test_handlers_are_found_and_announced(world: World) -> None:
    await world.publish("vacancies", "print('Hello from vacancies handler')")
    await world.publish("elsewhere", "x = 1", context="bio")

    found = await world.handlers.discover()

    assert found.handler_names == ("python.script", "python.vacancies", "python.__reload", "vacancies")


async def test_many_versions_hide_no_handler(world: World) -> None:
    await world.publish("first", "x = 1")
    for number in range(1200):
        await world.publish("busy", f"x = {number}")

    await world.handlers.discover()

    assert run(world.handlers, "python.first").code == "x = 1"
    assert run(world.handlers, "python.busy").code == "x = 1199"


@pytest.mark.parametrize(("default", "expected"), [(True, True), (False, False)])
async def test_the_context_python_means_the_default_provider(world: World, default: bool, expected: bool) -> None:
    await world.publish("vacancies", "x = 1", context="python")
    handlers = Handlers("bio", "1.0", lambda: world.clients)

    found = await handlers.discover(default=default)

    assert ("bio.vacancies" in found.handler_names) is expected
    reload = found.watchers[-1]
    assert list(reload.contexts) == (["bio", "python"] if default else ["bio"])


async def test_a_bad_handler_is_attested_once_and_stops_no_other(world: World) -> None:
    await world.publish("broken", "def (:")
    await world.publish("fine", WATCH)

    await world.handlers.discover()
    found = await world.handlers.discover()

    (fault,) = await world.attested("handler:faulted")
    assert (fault.subjects, fault.contexts) == (("broken",), ("python",))
    assert fault.attributes["handler"] == "broken"
    assert fault.attributes["plugin"] == "python"
    assert fault.attributes["reason"].startswith("line 1: SyntaxError")
    assert [each.id for each in found.watchers] == ["fine-count", "handler-reload"]
    with pytest.raises(Refused, match="handler broken did not load: line 1: SyntaxError"):
        run(world.handlers, "python.broken")


async def test_a_fault_that_is_mended_is_forgotten(world: World) -> None:
    await world.publish("a", "x = (")
    await world.handlers.discover()
    await world.publish("a", "x = 1")

    await world.handlers.reload()

    assert run(world.handlers, "python.a").code == "x = 1"


async def test_new_code_runs_after_a_reload_and_the_host_is_not_troubled(world: World) -> None:
    await world.publish("a", WATCH)
    await world.handlers.discover()
    await world.publish("a", WATCH + "x = 2\n")

    assert await world.handlers.reload() == 1

    assert run(world.handlers, "python.a").code.endswith("x = 2\n")
    assert await world.attested(CHANGED) == []


@pytest.mark.parametrize("code", ["x = 1", WATCH, TICK.format(60)], ids=["name", "watcher", "schedule"])
async def test_what_the_host_must_be_told_anew_is_signalled_once(world: World, code: str) -> None:
    await world.handlers.discover()
    await world.publish("new", code)

    await world.handlers.reload()
    await world.handlers.reload()

    (signal,) = await world.attested(CHANGED)
    assert (signal.subjects, signal.contexts, signal.attributes["handlers"]) == (("python",), ("python",), ["new"])
    assert "python.new" in (await world.handlers.discover()).handler_names


async def test_a_deleted_handler_is_gone_after_a_reload(world: World) -> None:
    await world.publish("a", "x = 1")
    await world.handlers.discover()
    await world.publish("a", "", "handler", "handler:deleted")

    assert await world.handlers.reload() == 0

    with pytest.raises(NotFound, match="Handler a not found in discovered handlers"):
        run(world.handlers, "python.a")


async def test_a_changed_period_reaches_the_hosts_schedule(world: World) -> None:
    await world.publish("a", TICK.format(60))
    await world.handlers.discover()
    world.schedules.active["python/a"] = ("S60", 60)  # as a host makes it of Initialize's answer

    for seconds in (120, 60):
        await world.publish("a", TICK.format(seconds))
        await world.handlers.reload()
        assert world.schedules.seconds() == {"python/a": seconds}

    await world.publish("a", "x = 1")
    await world.handlers.reload()
    assert world.schedules.seconds() == {}


async def test_a_store_that_is_away_takes_nothing_that_was_known(world: World) -> None:
    await world.publish("a", "x = 1")
    await world.handlers.discover()
    there, world.clients = world.clients, HostClients(Endpoints("token", ats="127.0.0.1:9"))

    assert await world.handlers.reload() == 1
    found = await world.handlers.discover()
    await world.clients.aclose()
    world.clients = there

    assert "python.a" in found.handler_names
    assert run(world.handlers, "python.a").code == "x = 1"


async def test_each_name_runs_what_it_means(world: World) -> None:
    await world.publish("a", WATCH + TICK.format(60))
    await world.publish("a.b", "x = 1")
    await world.handlers.discover()
    fired = {"subjects": ["s"], "predicates": ["sequence:new"], "contexts": ["lab"]}

    watched = run(world.handlers, "python.a", fired)

    assert (watched.handler, watched.call, watched.call_with, watched.upstream) == ("a", "count", (fired,), fired)
    assert watched.filename == "<a>"
    assert run(world.handlers, "python.a").call == "tick"
    assert run(world.handlers, "python.a.count", fired).call == "count"
    assert run(world.handlers, "a.tick").call == "tick"
    assert run(world.handlers, "python/python.a.tick").call == "tick"
    assert run(world.handlers, "python.a.b").handler == "a.b"
    with pytest.raises(NotFound, match="declares no function 'nope'"):
        run(world.handlers, "python.a.nope")
    with pytest.raises(NotFound, match="Handler nope not found"):
        run(world.handlers, "python.nope")


async def test_which_handlers_fail_is_told_at_a_glance(world: World) -> None:
    for name, code in {"new": "x = 1", "fine": "x = 1", "failing": "x = 1", "broken": "x = ("}.items():
        await world.publish(name, code)
    await world.handlers.discover()
    for name, result in [
        ("fine", Result(Outcome.RAISED, error="old")),
        ("fine", Result(Outcome.FINISHED)),
        ("failing", Result(Outcome.FINISHED)),
        ("failing", Result(Outcome.RAISED, error="Traceback …\nNameError: name 'y' is not defined\n")),
    ]:
        world.handlers.ended(run(world.handlers, f"python.{name}"), result)

    health = world.handlers.health()

    assert health["handlers"] == "4 (1 faulted, 1 failing)"
    assert health["handler.failing"] == "failing (1 of 2 runs failed): NameError: name 'y' is not defined"
    assert health["handler.broken"].startswith("faulted: line 1: SyntaxError")
    assert "handler.fine" not in health
    told = {each["name"]: each for each in world.handlers.describe()}
    assert {name: each["status"] for name, each in told.items()} == {
        "new": "new",
        "fine": "ok",
        "failing": "failing",
        "broken": "faulted",
    }
    assert [each["outcome"] for each in told["failing"]["last_runs"]] == ["raised", "finished"]


async def test_a_store_that_never_answers_does_not_keep_initialize_from_answering(world: World) -> None:
    """Appendix B 4: the core waits ten seconds. What was known stays, and it is looked for again soon."""
    await world.publish("known", "_result = 1")
    handlers = Handlers("python", "1.0", lambda: world.clients, initialize_seconds=0.3)
    await handlers.reload()
    service = atsstore_pb2.DESCRIPTOR.services_by_name["ATSStoreService"]
    async with ServiceServer([lambda server: add_service(server, service, Silent())]) as server:
        lively, world.clients = world.clients, HostClients(Endpoints("token", ats=server.endpoint))
        async with asyncio.timeout(8):
            found = await handlers.discover()
        await world.clients.aclose()
        world.clients = lively

    assert "python.known" in found.handler_names
