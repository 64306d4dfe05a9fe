"""The engine over a real file of watchers, attestations in memory and a dispatcher that records."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qntx.errors import Busy, InvalidRequest, NotFound
from qntx.host.events import Hub
from qntx.host.store.memory import MemoryStore
from qntx.host.watchers.dispatch import Firing, Ran
from qntx.host.watchers.engine import Engine
from qntx.host.watchers.lineage import DEPTH_MAX
from qntx.host.watchers.storage import HISTORY, WatcherStore
from qntx.model.attestation import Attestation, Draft, Filter
from qntx.model.watcher import Action, Tally, Watcher

WATCHER = Watcher(
    "w", "w", Filter(predicates=("new",)), Action.WEBHOOK, "http://127.0.0.1:1", max_fires_per_second=10_000
)
NEW = Draft(subjects=["a"], predicates=["new"])


class Recorder:
    """Runs nothing; remembers what it was asked to run."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, str, str]] = []
        self.away: set[str] = set()
        self.action: Callable[[Watcher, Attestation], Any] = lambda watcher, claim: Ran(True)

    async def missing(self, watcher: Watcher) -> str:
        return "plugin 'x' is away" if watcher.id in self.away else ""

    def marks(self, watcher: Watcher) -> list[str]:
        return [f"mark:{watcher.id}"]

    async def run(self, watcher: Watcher, firing: Firing, claim: Attestation) -> Ran:
        self.ran.append((watcher.id, firing.id, claim.id))
        ran = self.action(watcher, claim)
        return await ran if asyncio.iscoroutine(ran) else ran


class World:
    def __init__(self, folder: Path) -> None:
        self.store = MemoryStore()
        self.dispatcher = Recorder()
        self.hub = Hub()
        self._path = folder / "watchers.db"

    @asynccontextmanager
    async def engine(self, **settings: Any) -> AsyncIterator[Engine]:
        kept = WatcherStore(self._path)
        settings = {"retry_seconds": (0.01,) * 5} | settings
        async with kept, Engine(self.store, kept, self.dispatcher, self.hub, **settings) as engine:
            yield engine

    async def fired(self, count: int) -> list[str]:
        """The ids of the attestations that fired, once so many have."""
        await until(lambda: len(self.dispatcher.ran) >= count)
        return [claim for _, _, claim in self.dispatcher.ran]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while True:
            if true():
                return
            await asyncio.sleep(0.005)


async def tally(engine: Engine, wanted: Callable[[Tally], bool], watcher_id: str = "w") -> Tally:
    async with asyncio.timeout(20):
        while True:
            now = (await engine.tallies())[watcher_id]
            if wanted(now):
                return now
            await asyncio.sleep(0.005)


async def test_what_matches_fires_in_order_and_the_rest_does_not(world: World) -> None:
    async with world.engine() as engine:
        await engine.create(WATCHER)
        added = await world.store.add_many([NEW, Draft(subjects=["a"], predicates=["old"]), NEW])

        assert await world.fired(2) == [added[0].id, added[2].id]
        assert (await tally(engine, lambda now: now.fire_count == 2)).waiting == 0


async def test_only_what_arrives_after_it_was_made_fires_a_watcher(world: World) -> None:
    await world.store.add(NEW)
    async with world.engine() as engine:
        await world.store.add(NEW)
        await engine.create(WATCHER)
        later = await world.store.add(NEW)

        assert await world.fired(1) == [later.id]


async def test_what_arrived_while_the_host_was_down_still_fires(world: World) -> None:
    async with world.engine() as engine:
        await engine.create(WATCHER)
    missed = await world.store.add_many([NEW] * 3)

    async with world.engine() as engine:
        assert await world.fired(3) == [one.id for one in missed]
        await tally(engine, lambda now: now.fire_count == 3)
    async with world.engine():
        await asyncio.sleep(0.05)
    assert len(world.dispatcher.ran) == 3


async def test_a_firing_that_was_cut_short_runs_again_under_the_same_id(world: World) -> None:
    world.dispatcher.action = lambda watcher, claim: asyncio.sleep(60)
    async with world.engine() as engine:
        await engine.create(WATCHER)
        await world.store.add(NEW)
        await world.fired(1)

    world.dispatcher.action = lambda watcher, claim: Ran(True)
    async with world.engine():
        await world.fired(2)

    first, second = world.dispatcher.ran
    assert first == second == ("w", "watch-w-1", first[2])


async def test_a_failing_action_is_retried_and_given_up_visibly(world: World) -> None:
    world.dispatcher.action = lambda watcher, claim: Ran(False, "boom", "said before")
    told = world.hub.listen(["firing"])
    first = asyncio.create_task(anext(told))
    async with world.engine() as engine:
        await engine.create(WATCHER)
        await world.store.add(NEW)
        await world.fired(6)
        now = await tally(engine, lambda now: now.waiting == 0)
        (last,) = await engine.history("w", 10)

    assert (now.fire_count, now.error_count) == (0, 6)
    assert now.last_error == "Max retries exceeded, giving up after 6 attempts: boom"
    assert (last.attempts, last.output, last.error) == (6, "said before", now.last_error)
    assert len(world.dispatcher.ran) == 6
    statuses = [(await first).data["status"]] + [(await anext(told)).data["status"] for _ in range(11)]
    assert statuses == ["started", "error"] * 5 + ["started", "gave_up"]
    await told.aclose()


async def test_an_error_of_the_machinery_counts_as_a_failure_and_recovers(world: World) -> None:
    outcomes = iter([OSError("broken pipe"), Ran(True)])

    def act(watcher: Watcher, claim: Attestation) -> Ran:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    world.dispatcher.action = act
    async with world.engine() as engine:
        await engine.create(WATCHER)
        await world.store.add(NEW)
        now = await tally(engine, lambda now: now.fire_count == 1)

    assert (now.error_count, now.last_error) == (1, "OSError: broken pipe")


async def test_a_failing_firing_lets_the_next_one_of_its_watcher_pass(world: World) -> None:
    world.dispatcher.action = lambda watcher, claim: Ran("bad" not in claim.subjects, "boom")
    async with world.engine(retry_seconds=(30.0,)) as engine:
        await engine.create(WATCHER)
        bad = await world.store.add(replace(NEW, subjects=["bad"]))
        good = await world.store.add(NEW)

        assert await world.fired(2) == [bad.id, good.id]
        assert (await tally(engine, lambda now: now.fire_count == 1)).waiting == 1


async def test_a_slow_watcher_delays_no_other_and_runs_one_at_a_time(world: World) -> None:
    world.dispatcher.action = lambda watcher, claim: asyncio.sleep(60) if watcher.id == "slow" else Ran(True)
    async with world.engine() as engine:
        await engine.create(replace(WATCHER, id="slow"))
        await engine.create(WATCHER)
        await world.store.add_many([NEW] * 20)

        await tally(engine, lambda now: now.fire_count == 20)

        assert [who for who, _, _ in world.dispatcher.ran].count("slow") == 1


async def test_firings_wait_for_a_plugin_that_is_away_and_say_so(world: World) -> None:
    world.dispatcher.away.add("w")
    async with world.engine() as engine:
        await engine.create(WATCHER)
        await world.store.add(NEW)
        await tally(engine, lambda now: now.waiting == 1)
        await until(lambda: engine.waits_for("w") != "")
        assert engine.waits_for("w") == "plugin 'x' is away"
        assert world.dispatcher.ran == []

        world.dispatcher.away.clear()
        now = await tally(engine, lambda now: now.fire_count == 1)

    assert now.error_count == 0


async def test_a_busy_plugin_is_asked_again_and_nothing_counts_as_failed(world: World) -> None:
    answers = iter([Busy("full"), Ran(True)])

    def act(watcher: Watcher, claim: Attestation) -> Ran:
        if isinstance(answer := next(answers), Busy):
            raise answer
        return answer

    world.dispatcher.action = act
    async with world.engine() as engine:
        await engine.create(WATCHER)
        await world.store.add(NEW)
        now = await tally(engine, lambda now: now.fire_count == 1)

    assert now.error_count == 0


async def test_a_watcher_fires_no_faster_than_its_rate_and_loses_nothing(world: World) -> None:
    async with world.engine() as engine:
        await engine.create(replace(WATCHER, max_fires_per_second=20))
        began = time.monotonic()
        for _ in range(3):
            await world.store.add(NEW)
            await asyncio.sleep(0.001)
        await tally(engine, lambda now: now.fire_count == 3)

    assert time.monotonic() - began >= 0.1


async def test_a_rate_of_zero_is_never(world: World) -> None:
    async with world.engine() as engine:
        await engine.create(replace(WATCHER, max_fires_per_second=0))
        await engine.create(replace(WATCHER, id="other"))
        await world.store.add(NEW)
        await tally(engine, lambda now: now.fire_count == 1, "other")

    assert [who for who, _, _ in world.dispatcher.ran] == ["other"]


async def test_what_waits_for_a_watcher_that_was_switched_off_runs_when_it_is_on_again(world: World) -> None:
    world.dispatcher.away.add("w")
    async with world.engine() as engine:
        made = await engine.create(WATCHER)
        await world.store.add(NEW)
        await tally(engine, lambda now: now.waiting == 1)
        await engine.change(replace(made, enabled=False))
        world.dispatcher.away.clear()
        await world.store.add(NEW)
        await asyncio.sleep(0.05)
        assert world.dispatcher.ran == []

        await engine.change(replace(made, enabled=True))
        await tally(engine, lambda now: now.fire_count == 1)


async def test_a_deleted_watcher_takes_what_waits_with_it(world: World) -> None:
    world.dispatcher.away.add("w")
    async with world.engine() as engine:
        await engine.create(WATCHER)
        await world.store.add(NEW)
        await tally(engine, lambda now: now.waiting == 1)
        await engine.delete("w")
        world.dispatcher.away.clear()
        await engine.create(WATCHER)

        assert (await engine.tallies())["w"].waiting == 0
        with pytest.raises(NotFound):
            await engine.delete("x")
        with pytest.raises(InvalidRequest, match="taken"):
            await engine.create(WATCHER)


async def test_a_script_that_feeds_itself_is_stopped_and_the_watcher_says_why(world: World) -> None:
    async def feed_itself(watcher: Watcher, claim: Attestation) -> Ran:
        await world.store.add(replace(NEW, contexts=[f"mark:{watcher.id}"]))
        return Ran(True)

    world.dispatcher.action = feed_itself
    async with world.engine() as engine:
        await engine.create(WATCHER)
        await world.store.add(NEW)
        now = await tally(engine, lambda now: now.error_count == 1)
        assert now.fire_count == DEPTH_MAX + 1
        assert "its own results fire it" in now.last_error

        world.dispatcher.action = lambda watcher, claim: Ran(True)
        await world.store.add(NEW)
        await tally(engine, lambda now: now.fire_count == DEPTH_MAX + 2)


async def test_two_watchers_that_feed_each_other_are_stopped_too(world: World) -> None:
    async def feed_the_other(watcher: Watcher, claim: Attestation) -> Ran:
        other = {"ping": "pong", "pong": "ping"}[watcher.id]
        await world.store.add(Draft(subjects=["a"], predicates=[other], contexts=[f"mark:{watcher.id}"]))
        return Ran(True)

    world.dispatcher.action = feed_the_other
    async with world.engine() as engine:
        for name in ("ping", "pong"):
            await engine.create(replace(WATCHER, id=name, wanted=Filter(predicates=(name,))))
        await world.store.add(Draft(subjects=["a"], predicates=["ping"]))
        await world.fired(DEPTH_MAX + 1)
        await asyncio.sleep(0.1)

    assert len(world.dispatcher.ran) == DEPTH_MAX + 1


def declared(plugin: str, *names: str) -> list[Watcher]:
    return [replace(WATCHER, id=f"{plugin}-{name}", name=f"{plugin}/{name}", plugin=plugin) for name in names]


async def test_a_plugin_takes_away_only_what_it_declared_itself(world: World) -> None:
    async with world.engine() as engine:
        await engine.create(replace(WATCHER, id="python-mine"))
        await engine.declare("python", declared("python", "a", "b"))
        await engine.declare("python-bio", declared("python-bio", "a"))

        await engine.declare("python", declared("python", "b", "c"))
        ids = [watcher.id for watcher in engine.watchers()]
        assert sorted(ids) == ["python-b", "python-bio-a", "python-c", "python-mine"]

        await engine.declare("python", [])
        assert sorted(watcher.id for watcher in engine.watchers()) == ["python-bio-a", "python-mine"]


async def test_a_declared_watcher_goes_on_from_where_it_was(world: World) -> None:
    async with world.engine() as engine:
        await engine.declare("bio", declared("bio", "a"))
    missed = await world.store.add(NEW)
    world.dispatcher.away.add("bio-a")

    async with world.engine() as engine:
        await tally(engine, lambda now: now.waiting == 1, "bio-a")
        await engine.declare("bio", declared("bio", "a"))
        world.dispatcher.away.clear()

        assert await world.fired(1) == [missed.id]


async def test_a_declaration_that_is_unusable_or_takes_anothers_id_is_left_out_alone(world: World) -> None:
    async with world.engine() as engine:
        await engine.create(replace(WATCHER, id="bio-taken"))

        unusable = replace(WATCHER, id="bio-empty", wanted=Filter())
        await engine.declare("bio", [unusable, *declared("bio", "taken", "fine")])

        assert {watcher.id: watcher.plugin for watcher in engine.watchers()} == {"bio-taken": "", "bio-fine": "bio"}


async def test_only_the_last_firings_are_remembered(world: World) -> None:
    async with world.engine() as engine:
        await engine.create(WATCHER)
        added = await world.store.add_many([NEW] * (HISTORY + 20))
        await tally(engine, lambda now: now.fire_count == HISTORY + 20)

        history = await engine.history("w", 1000)

    assert [fired.attestation_id for fired in history] == [one.id for one in added[: -HISTORY - 1 : -1]]
