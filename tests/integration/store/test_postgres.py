"""Attestations in PostgreSQL keep every promise, and those that only several hosts can put to the test."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest
from tests.conformance.attestation_store import AttestationStoreSuite
from tests.postgres import PostgresServer

from qntx.db.postgres_database import Database
from qntx.errors import Unavailable
from qntx.host.store.base import AttestationStore
from qntx.host.store.claim import Signer
from qntx.host.store.memory import MemoryStore
from qntx.host.store.postgres import PostgresStore
from qntx.host.store.tail import tail
from qntx.model.attestation import Attestation, Draft, Filter
from qntx.model.identity import is_asid

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    async with Database(postgres_url) as opened:
        yield opened


class TestPostgresStore(AttestationStoreSuite):
    @pytest.fixture(autouse=True)
    def connected(self, database: Database) -> None:
        self.database = database

    async def open(self, tmp_path: Path, signer: Signer, now_ms: Callable[[], int]) -> AttestationStore:
        return PostgresStore(self.database, signer, now_ms=now_ms)


def start_writer(url: str, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.integration.store.writer", url, name, str(count)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


async def acknowledged(writer: subprocess.Popen[str]) -> list[str]:
    out, _ = await asyncio.to_thread(writer.communicate)
    return out.split()


async def follow(store: AttestationStore, count: int) -> list[tuple[int, Attestation]]:
    """What arrives, until so much has."""
    arrived = []
    async with asyncio.timeout(100), aclosing(tail(store, 0)) as following:
        async for each in following:
            arrived.append(each)
            if len(arrived) == count:
                break
    return arrived


async def test_a_reader_sees_what_four_hosts_write_exactly_once_and_in_order(
    postgres_url: str, database: Database
) -> None:
    async with PostgresStore(database) as store:
        following = asyncio.create_task(follow(store, 4 * 400))
        writers = [start_writer(postgres_url, f"host{number}", 400) for number in range(4)]
        written = [one for writer in writers for one in await acknowledged(writer)]

        arrived = await following

        assert [position for position, _ in arrived] == list(range(1, 1601))
        assert sorted(claim.id for _, claim in arrived) == sorted(written)
        assert len(await store.find(Filter(contexts=["HOST2"], predicates=["shared"]))) == 400


async def test_a_writer_that_is_killed_takes_nothing_acknowledged_along_and_stops_nobody(
    postgres_url: str, database: Database
) -> None:
    killed, lives = start_writer(postgres_url, "killed", 1_000_000), start_writer(postgres_url, "lives", 1000)
    assert killed.stdout is not None
    seen = [await asyncio.to_thread(killed.stdout.readline) for _ in range(200)]
    killed.send_signal(signal.SIGKILL)
    seen += await acknowledged(killed)
    written = await acknowledged(lives)

    async with PostgresStore(database) as store:
        kept = await store.after(0, limit=1_000_000)

    # The last line may have been cut by the kill itself.
    whole = {line.strip() for line in seen if is_asid(line.strip())}
    assert len(written) == 1000
    assert whole | set(written) <= {claim.id for _, claim in kept}
    assert [position for position, _ in kept] == list(range(1, len(kept) + 1))


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_server_that_is_restarted_costs_a_wait_and_nothing_else(
    own_postgres: PostgresServer, mode: str
) -> None:
    with own_postgres.database() as url:
        async with Database(url, patience_seconds=60) as database, PostgresStore(database) as store:
            following = asyncio.create_task(follow(store, 300))

            async def call(name: int) -> list[str]:
                return [(await store.add(Draft(subjects=[f"{name}:{n}"]))).id for n in range(30)]

            calls = [asyncio.create_task(call(name)) for name in range(10)]
            await store.arrived(20)
            await asyncio.to_thread(own_postgres.stop, mode)
            await asyncio.to_thread(own_postgres.start)
            written = [one for each in await asyncio.gather(*calls) for one in each]

            arrived = await following

            assert sorted(claim.id for _, claim in arrived) == sorted(written)
            assert await store.position() == 300


async def test_a_server_that_stays_away_is_an_error_that_says_so_and_not_a_wait(own_postgres: PostgresServer) -> None:
    with own_postgres.database() as url:
        async with Database(url, patience_seconds=0.5) as database, PostgresStore(database) as store:
            await store.add(Draft(subjects=["a"]))
            await asyncio.to_thread(own_postgres.stop)
            try:
                with pytest.raises(Unavailable, match="could not be written"):
                    await store.add(Draft(subjects=["a"]))
                with pytest.raises(Unavailable, match="could not be read"):
                    await store.find(Filter())
            finally:
                await asyncio.to_thread(own_postgres.start)

            await store.add(Draft(subjects=["a"]))
            assert await store.position() == 2


async def test_hosts_that_start_at_once_lay_the_tables_out_once(postgres_url: str) -> None:
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(Database(postgres_url)) for _ in range(5)]
        stores = await asyncio.gather(*(stack.enter_async_context(PostgresStore(one)) for one in databases))

        await asyncio.gather(*(store.add(Draft(subjects=["a"])) for store in stores))

        assert [await store.position() for store in stores] == [5] * 5


async def test_what_is_laid_out_by_a_newer_version_is_left_alone(postgres_url: str) -> None:
    async with Database(postgres_url) as database:
        async with PostgresStore(database):
            await database.write(lambda connection: connection.execute("UPDATE qntx.version SET steps = 99"))
        with pytest.raises(Unavailable, match="update QNTX"):
            async with PostgresStore(database):
                pass


async def test_frequent_terms_and_any_of_several_are_answered_as_by_the_store_in_memory(database: Database) -> None:
    chosen = random.Random(7)
    drafts = [
        Draft(
            subjects=[f"s{chosen.randrange(40)}" for _ in range(chosen.randrange(1, 4))],
            predicates=[f"p{chosen.randrange(3)}"],
            contexts=[f"c{chosen.randrange(8)}"],
            actors=[f"a{chosen.randrange(2)}"] * chosen.randrange(2),
            timestamp_ms=1000 + chosen.randrange(50),
        )
        for _ in range(600)
    ]
    async with PostgresStore(database) as store, MemoryStore() as memory:
        for kept in await store.add_many(drafts):
            await memory.put(kept)

        for _ in range(150):
            wanted = Filter(
                subjects=[f"S{chosen.randrange(45)}" for _ in range(chosen.randrange(4))],
                predicates=[f"p{chosen.randrange(4)}" for _ in range(chosen.randrange(3))],
                contexts=[f"c{chosen.randrange(9)}" for _ in range(chosen.randrange(3))],
                actors=[f"a{chosen.randrange(3)}" for _ in range(chosen.randrange(2))],
                since_ms=chosen.choice([None, None, 1020]),
                until_ms=chosen.choice([None, None, 1030]),
            )
            limit = chosen.choice([None, 1, 7])
            assert await store.find(wanted, limit=limit) == await memory.find(wanted, limit=limit)
