"""Watchers that several hosts share: each firing is enqueued once, by whoever is first, and counted once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from qntx.db.postgres_database import Database
from qntx.db.postgres_migrations import migrate
from qntx.host.watchers.dispatch import Firing
from qntx.host.watchers.postgres import NAME, SCHEMA, PostgresWatcherStore, Stale
from qntx.host.watchers.storage import HISTORY, Fired
from qntx.model.attestation import Filter
from qntx.model.watcher import Action, Watcher

WATCHER = Watcher("w", "w", Filter(subjects=("a",), since_ms=5), Action.PYTHON, "1", from_position=3, created_at_ms=9)
RAN = Fired("AS-1", 77, 1, "", "printed\x00")


@pytest.fixture
async def hosts(postgres_url: str) -> AsyncIterator[list[PostgresWatcherStore]]:
    async with (
        Database(postgres_url) as one,
        Database(postgres_url) as two,
        PostgresWatcherStore(one) as first,
        PostgresWatcherStore(two) as second,
    ):
        await first.save([WATCHER])
        yield [first, second]


def firing(position: int, watcher_id: str = "w") -> Firing:
    return Firing(0, watcher_id, position, f"AS-{position}", depth=1)


async def waiting(kept: PostgresWatcherStore) -> int:
    return (await kept.tallies())["w"].waiting


async def test_what_one_host_saves_another_reads(hosts: list[PostgresWatcherStore]) -> None:
    first, second = hosts
    new, changed = replace(WATCHER, id="v", glyph="py:bio"), replace(WATCHER, name="other", principal="ada")
    await second.save([new, replace(changed, from_position=99)])

    assert await first.watchers() == [changed, new]
    await second.delete(["w"])
    assert [watcher.id for watcher in await first.watchers()] == ["v"]


async def test_a_watcher_that_an_older_version_kept_is_nobodys(postgres_url: str) -> None:
    async with Database(postgres_url) as database:
        await database.read(lambda connection: migrate(connection, NAME, SCHEMA[:1]))
        await database.write(
            lambda connection: connection.execute(
                "INSERT INTO qntx.watcher (id, name, wanted, action, action_data, glyph, max_fires_per_second, "
                "enabled, plugin, from_position, created_at_ms, updated_at_ms) "
                """VALUES ('w', 'w', '{"subjects": ["a"], "predicates": [], "contexts": [], "actors": []}', """
                "'python', '1', 'py', 3, true, '', 3, 9, 0)"
            )
        )
        async with PostgresWatcherStore(database) as kept:
            (watcher,) = await kept.watchers()

    assert replace(watcher, wanted=WATCHER.wanted) == WATCHER


async def test_each_firing_is_enqueued_once_however_many_hosts_find_it(hosts: list[PostgresWatcherStore]) -> None:
    found = [firing(position) for position in range(1, 101)]

    await asyncio.gather(*(host.enqueue(found[:upto], upto) for upto in (20, 50, 100) for host in hosts))

    assert [await host.cursor() for host in hosts] == [100, 100]
    assert await waiting(hosts[0]) == 100


async def test_a_firing_that_ran_already_is_not_enqueued_by_a_host_that_is_behind(
    hosts: list[PostgresWatcherStore],
) -> None:
    first, second = hosts
    await first.enqueue([firing(1)], 1)
    due = await first.next("w")
    assert due is not None
    await first.finish(due, RAN)

    await second.enqueue([firing(1)], 1)

    assert await second.next("w") is None
    assert await second.waiting() == []


async def test_what_was_matched_without_a_new_watcher_is_not_taken(hosts: list[PostgresWatcherStore]) -> None:
    first, second = hosts
    version = await first.version()
    await second.save([replace(WATCHER, id="new")])

    with pytest.raises(Stale):
        await first.enqueue([firing(1)], 1, version=version)

    assert await first.cursor() is None
    await first.enqueue([firing(1), firing(1, "new")], 1, version=await first.version())
    assert sorted(await second.waiting()) == ["new", "w"]


async def test_a_firing_is_counted_once_though_two_hosts_finish_it(hosts: list[PostgresWatcherStore]) -> None:
    first, second = hosts
    await first.enqueue([firing(1)], 1)
    due = await first.next("w")
    assert due is not None

    await asyncio.gather(first.finish(due, RAN), second.finish(due, RAN))

    assert (await first.tallies())["w"].fire_count == 1
    assert await second.history("w", 10) == [replace(RAN, output="printed\ufffd")]


async def test_what_failed_waits_for_its_time_and_is_given_up_with_its_reason(
    hosts: list[PostgresWatcherStore],
) -> None:
    first, second = hosts
    await first.enqueue([firing(1), firing(2)], 2)
    due = await first.next("w")
    assert due is not None
    await first.postpone(due, 5000, "no luck")

    assert [one.position for one in [await second.next("w")] if one] == [2]
    await second.refuse("w", replace(RAN, error="a loop"))

    now = (await first.tallies())["w"]
    assert (now.error_count, now.last_error, now.waiting) == (2, "a loop", 2)


async def test_only_the_last_firings_are_remembered(hosts: list[PostgresWatcherStore]) -> None:
    for number in range(HISTORY + 5):
        await hosts[0].refuse("w", replace(RAN, at_ms=number))

    kept = await hosts[1].history("w", 1000)

    assert [fired.at_ms for fired in kept] == list(range(HISTORY + 4, 4, -1))
