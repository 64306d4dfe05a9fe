"""Every run goes through one place, and a new configuration does not disturb those under way."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.unit.plugin.engines import ScriptedEngine

from qntx.clients.host import Endpoints
from qntx.engine.api import Settings
from qntx.errors import InvalidRequest, NotFound, PluginUnavailable, Refused
from qntx.model.execution import Execution, Outcome
from qntx.model.identity import is_asid
from qntx.model.variant import parse
from qntx.plugin import runs
from qntx.plugin.audit import DURABLE, Audit, Place
from qntx.plugin.executor import Executor, calling_host, calling_principal
from qntx.plugin.metrics import Metrics
from qntx.plugin.runs import Runs
from qntx.wire.caller import host_name

BIO = parse("bio", "", "plugin.toml")


@pytest.fixture
def engines():
    return []


@pytest.fixture
async def executor(engines, tmp_path):
    def open_engine(settings: Settings) -> ScriptedEngine:
        engines.append(ScriptedEngine(settings))
        return engines[-1]

    executor = Executor(BIO, open_engine, Metrics("bio"), Audit(BIO, Place(tmp_path / "capsules.db")))
    yield executor
    await executor.aclose()


def _asked(code: str = "1", run_id: str = "PX-1") -> Execution:
    return Execution(code=code, id=run_id)


async def test_before_it_is_configured_a_run_is_refused_as_worth_trying_again(executor):
    with pytest.raises(PluginUnavailable, match="not configured yet"):
        await executor.run(_asked())


@pytest.mark.parametrize(
    ("said_by", "who", "asked"),
    [
        ("the host", "ada", "ada"),
        ("another", "ada", ""),
        ("", "ada", ""),
        ("the host", "", ""),
    ],
)
async def test_whom_a_call_is_for_counts_where_a_host_that_is_known_says_so(executor, engines, said_by, who, asked):
    executor.configure(Settings("bio"))
    executor.connect(Endpoints(token="7f" * 32))
    executor.connect(Endpoints())
    calling_host.set(host_name("7f" * 32) if said_by == "the host" else said_by)
    calling_principal.set(who)

    await executor.run(_asked())
    await executor.run(replace(_asked(), principal="eve"))

    assert [run.principal for run in engines[0].runs] == [asked, "eve"]


@pytest.mark.parametrize("durable", DURABLE)
async def test_runs_are_recorded_whatever_their_notes_outlast(executor, tmp_path, durable):
    executor.audit.move(Place(tmp_path / "capsules.db", durable=durable))
    executor.configure(Settings("bio"))

    assert (await executor.run(_asked())).capsule_id


async def test_a_change_of_what_notes_outlast_is_heeded_while_the_plugin_runs(executor, tmp_path):
    executor.configure(Settings("bio"))
    await executor.run(_asked())

    executor.audit.move(Place(tmp_path / "capsules.db", durable="a comet"))

    with pytest.raises(PluginUnavailable, match=r"durable is .* not 'a comet'"):
        await executor.run(_asked())


async def test_a_run_is_counted_by_how_it_ended(executor):
    executor.configure(Settings("bio"))

    await executor.run(_asked())

    assert executor.metrics.outcomes()["finished"] == 1
    assert 'qntx_executions_total{plugin="bio",outcome="finished"} 1' in executor.metrics.text(executor.describe())


async def test_the_same_configuration_again_keeps_the_engine(executor, engines):
    for _ in range(3):
        executor.configure(Settings("bio", running_max=2))
        await executor.run(_asked())

    assert len(engines) == 1


async def test_a_new_configuration_lets_a_run_under_way_end_on_its_own_engine(executor, engines):
    executor.configure(Settings("bio", running_max=1))
    slow = asyncio.create_task(executor.run(_asked("wait")))
    while not (engines and engines[0].runs):
        await asyncio.sleep(0.001)

    executor.configure(Settings("bio", running_max=2))
    await executor.run(_asked(run_id="PX-2"))

    assert not engines[0].closed
    engines[0].cancel("PX-1")
    await slow
    while not engines[0].closed:
        await asyncio.sleep(0.001)
    assert [run.id for run in engines[1].runs] == ["PX-2"]


async def test_an_engine_that_does_not_start_is_a_reason_and_not_the_end(executor):
    executor.configure(Settings("broken"))

    with pytest.raises(PluginUnavailable, match="the engine did not start: OSError: no zygote"):
        await executor.run(_asked())

    assert executor.describe() == {"ready": False, "fault": "OSError: no zygote"}
    executor.configure(Settings("bio"))
    assert (await executor.run(_asked())).success


async def test_a_call_home_that_no_script_may_make_is_refused_by_its_name(executor):
    executor.configure(Settings("bio"))

    with pytest.raises(Refused, match="secrets: scripts cannot call 'secrets'"):
        await executor.run(_asked("home secrets"))
    assert executor.metrics.text({}).count('error="Refused"} 1') == 1


async def test_a_call_home_without_a_host_says_what_is_missing(executor):
    executor.configure(Settings("bio"))

    with pytest.raises(Refused, match="last: ATSStore client not initialized"):
        await executor.run(_asked("home last"))


async def test_the_same_endpoints_again_keep_their_connections(executor):
    executor.connect(Endpoints(token="t", ats="127.0.0.1:1"))
    first = executor.host

    executor.connect(Endpoints(token="t", ats="127.0.0.1:1"))

    assert executor.host is first


async def test_ids_have_the_form_of_executions(executor):
    assert is_asid(executor.new_id(), "PX")
    assert executor.new_id() != executor.new_id()


async def test_the_same_id_is_the_same_run_for_all_who_ask(executor, engines):
    executor.configure(Settings("bio"))
    known = Runs(executor)

    first, second = known.begin(_asked("drip")), known.begin(_asked("drip"))
    events = [[event.sequence async for event in run.events()] for run in (first, second)]

    assert events == [[0, 1, 2, 3, 4, 5, 6]] * 2
    assert len(engines[0].runs) == 1
    await known.aclose()


async def test_an_id_that_another_code_has_taken_is_refused(executor):
    executor.configure(Settings("bio"))
    known = Runs(executor)
    known.begin(_asked("1"))

    with pytest.raises(InvalidRequest, match="PX-1 is another run's"):
        known.begin(_asked("2"))
    with pytest.raises(NotFound, match="no run 'PX-2'"):
        known.find("PX-2")
    await known.aclose()


async def test_a_run_that_all_have_left_is_stopped_unless_somebody_comes_back(executor, monkeypatch):
    monkeypatch.setattr(runs, "ABANDONED_SECONDS", 0.05)
    executor.configure(Settings("bio"))
    known = Runs(executor)
    run = known.begin(_asked("wait"))

    async for _ in run.events():
        break
    await asyncio.wait_for(asyncio.wait([run.task]), 5)

    assert run.task.result().outcome is Outcome.CANCELLED
    ends = [event.WhichOneof("event") async for event in known.find("PX-1").events()]
    assert ends == ["started", "end"]


async def test_a_slow_listener_is_told_how_much_it_missed(executor, monkeypatch):
    monkeypatch.setattr(runs, "EVENT_BYTES_MAX", 250)
    executor.configure(Settings("bio"))
    known = Runs(executor)
    run = known.begin(_asked("drip"))
    await asyncio.wait([run.task])

    events = [event async for event in run.events()]

    assert events[0].missed == 7 - (len(events) - 1)
    assert events[-1].WhichOneof("event") == "end"


async def test_only_so_many_runs_that_are_over_are_kept(executor):
    executor.configure(Settings("bio"))
    known = Runs(executor)

    for number in range(runs.RUNS_KEPT_MAX + 10):
        run = known.begin(_asked(run_id=f"PX-{number}"))
        await asyncio.wait([run.task])

    with pytest.raises(NotFound):
        known.find("PX-0")
    assert known.find(f"PX-{number}") is run


async def test_a_held_run_begins_when_it_is_released_and_not_before(executor, engines):
    executor.configure(Settings("bio"))
    known = Runs(executor)
    run = known.begin(_asked(), held=True)
    await asyncio.sleep(0.05)
    before = [each.id for each in engines[0].runs]

    released = known.release("PX-1")
    await run.task

    assert (before, released, [each.id for each in engines[0].runs]) == ([], True, ["PX-1"])
    assert known.release("PX-1"), "asked again, since the first answer may have been lost"
    assert not known.release("nobody")


async def test_a_held_run_that_is_cancelled_never_begins(executor, engines):
    executor.configure(Settings("bio"))
    known = Runs(executor)
    run = known.begin(_asked(), held=True)

    assert known.cancel("PX-1")
    await asyncio.gather(run.task, return_exceptions=True)

    assert not known.release("PX-1")
    assert engines[0].runs == []


async def test_a_held_run_that_nobody_releases_is_forgotten(executor, engines, monkeypatch):
    monkeypatch.setattr(runs, "HELD_SECONDS", 0.05)
    executor.configure(Settings("bio"))
    known = Runs(executor)
    run = known.begin(_asked(), held=True)

    await asyncio.wait_for(asyncio.gather(run.task, return_exceptions=True), 10)

    assert not known.release("PX-1")
    assert engines[0].runs == []


async def test_a_run_that_was_refused_is_tried_again_when_it_is_asked_for_again(executor):
    known = Runs(executor)
    refused = known.begin(_asked())
    with pytest.raises(PluginUnavailable):
        await refused.task
    executor.configure(Settings("bio"))

    result = await known.begin(_asked()).task

    assert result.outcome is Outcome.FINISHED


async def test_draining_ends_what_is_under_way_and_takes_nothing_new(executor, engines):
    executor.configure(Settings("bio"))
    known = Runs(executor)
    under_way = known.begin(_asked("wait"))
    held = known.begin(_asked(run_id="PX-2"), held=True)
    admitted = known.begin(_asked(run_id="PX-3"), held=True)
    while not (engines and engines[0].runs):
        await asyncio.sleep(0.001)
    known.release("PX-3")

    drained = asyncio.create_task(executor.drained())
    await asyncio.sleep(0.05)
    with pytest.raises(PluginUnavailable, match="takes nothing new"):
        await executor.run(_asked(run_id="PX-4"))

    assert not known.release("PX-2")
    assert (await admitted.task).outcome is Outcome.FINISHED
    assert not drained.done()
    engines[0].cancel("PX-1")
    await under_way.task
    await asyncio.wait_for(drained, 10)
    held.stop()
