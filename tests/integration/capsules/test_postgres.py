"""PostgreSQL keeps every promise, for many tenants and through a server that goes away."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE, Popen

import psycopg
import pytest
from tests.conformance.capsule_storage import CapsuleStorageSuite

from qntx.capsules import Capsule, Capsules, Level, Recorder, StorageError
from qntx.capsules import capsule as capsules_
from qntx.capsules.storage.base import ChainStorage
from qntx.capsules.storage.postgres import PostgresCapsuleStorage


class TestPostgresCapsuleStorage(CapsuleStorageSuite):
    @pytest.fixture(autouse=True)
    def database(self, postgres_url: str) -> None:
        self.url = postgres_url

    async def open(self, tmp_path: Path) -> ChainStorage:
        return PostgresCapsuleStorage(self.url)


async def test_two_writers_share_every_chain_and_lose_nothing(postgres_url: str) -> None:
    writers = [Capsules(postgres_url), Capsules(postgres_url)]
    acks = [
        writer.chain.submit(Capsule(), tenant_id)
        for _ in range(40)
        for writer in writers
        for tenant_id in (None, "a", "b")
    ]
    await asyncio.gather(*map(asyncio.wrap_future, acks))

    verdicts = [await writers[0].chain.verify(tenant, level=Level.SIGNATURES) for tenant in (None, "a", "b")]
    for writer in writers:
        await writer.close()

    assert [(verdict.error, verdict.capsules_verified) for verdict in verdicts] == [(None, 80)] * 3


async def test_a_synchronous_call_without_a_loop_is_sealed(postgres_url: str) -> None:
    capsules = Capsules(postgres_url)

    @capsules.audit(type="tool", tenant_from="site")
    def work(number: int, site: str) -> int:
        return number

    await asyncio.to_thread(lambda: [work(number, "berlin") for number in range(20)])
    verdict = await capsules.chain.verify("berlin")
    await capsules.close()

    assert verdict.capsules_verified == 20


async def test_a_connection_that_breaks_is_made_again_without_a_loss_or_a_repetition(postgres_url: str) -> None:
    capsules = Capsules(postgres_url)
    capsules.chain.submit(Capsule()).result()
    assert await capsules.storage.count() == 1
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where pid <> pg_backend_pid() and datname = current_database()"
        )

    await asyncio.gather(*(asyncio.wrap_future(capsules.chain.submit(Capsule())) for _ in range(10)))
    verdict = await capsules.chain.verify()
    await capsules.close()

    assert (verdict.error, verdict.capsules_verified) == (None, 11)


async def test_a_table_that_the_reference_library_made_is_widened(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "create table quantumpipes_capsules (id varchar(36) primary key, type varchar(20) not null, "
            "sequence integer not null, previous_hash varchar(64), data text not null, hash varchar(64) not null, "
            "signature text not null, signature_pq text not null, signed_at varchar(40), signed_by varchar(32), "
            "session_id varchar(36), domain varchar(50) not null, tenant_id varchar(36), "
            "constraint uq_capsule_tenant_sequence unique (tenant_id, sequence))"
        )
    storage = PostgresCapsuleStorage(postgres_url)
    capsules = Capsules(storage=storage)
    capsule = Capsule(domain="d" * 200)
    capsule.context.session_id = "s" * 200

    await asyncio.wrap_future(capsules.chain.submit(capsule, "t" * 200))
    found = await storage.list_by_session("s" * 200)
    await capsules.close()

    assert [stored.id for stored in found] == [capsule.id]


async def test_writers_lose_nothing_in_a_database_that_isolates_transactions_by_default(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"alter database {name} set default_transaction_isolation = 'repeatable read'")
    writers = [Capsules(postgres_url), Capsules(postgres_url)]

    async def write(writer: Capsules) -> None:
        for _ in range(20):
            await asyncio.wrap_future(writer.chain.submit(Capsule()))

    await asyncio.gather(*map(write, writers))
    verdict = await writers[0].verify()
    for writer in writers:
        await writer.close()

    assert (verdict.error, verdict.capsules_verified) == (None, 40)


async def test_what_the_server_refuses_fails_alone_among_its_neighbours(postgres_url: str) -> None:
    capsules = Capsules(postgres_url)
    storage = capsules.chain.storage
    drafts = [capsules_.draft(Capsule()) for _ in range(20)]
    drafts[10] = drafts[10]._replace(type="t" * 200)

    acks = [storage.append(draft, capsules.seal) for draft in drafts]
    done = await asyncio.gather(*map(asyncio.wrap_future, acks), return_exceptions=True)
    verdict = await capsules.verify()
    await capsules.close()

    assert [place for place, answer in enumerate(done) if isinstance(answer, StorageError)] == [10]
    assert (verdict.error, verdict.capsules_verified) == (None, 19)


async def test_whoever_may_only_read_can_verify(postgres_url: str) -> None:
    capsules = Capsules(postgres_url)
    capsules.chain.submit(Capsule()).result()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"alter database {name} set default_transaction_read_only = on")
    reading = Capsules(postgres_url)

    verdict = await reading.verify(level=Level.SIGNATURES)
    await reading.close()
    await capsules.close()

    assert (verdict.error, verdict.capsules_verified) == (None, 1)


async def test_a_database_that_does_not_hold_every_text_is_refused(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"create database {name}_latin encoding 'LATIN1' template template0")
    storage = PostgresCapsuleStorage(postgres_url.replace(name, f"{name}_latin"))

    with pytest.raises(StorageError, match="ENCODING 'UTF8'"):
        await storage.count()
    await storage.close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"drop database {name}_latin")


async def test_runs_on_two_machines_are_complete_on_one_chain(postgres_url: str, tmp_path: Path) -> None:
    capsules = Capsules(postgres_url)
    machines = [Recorder(capsules, tmp_path / name) for name in ("one", "two")]
    for recorder in machines:
        recorder.begin(Capsule()).finish("success").result()

    verdict = await capsules.chain.verify()
    for recorder in machines:
        recorder.close()
    await capsules.close()

    assert (verdict.complete, verdict.sealed, verdict.started) == (True, 2, 2)


RECORDING = """
import sys; sys.modules['sqlalchemy'] = None  # as where it is not installed: starts in half the time
import os, signal
from qntx.capsules import Capsule, Capsules, Recorder
capsules = Capsules(sys.argv[1])
recorder = Recorder(capsules)
print("ready", flush=True)
sys.stdin.readline()
if sys.argv[2] == "recover":
    print(sum(not ack.exception() for ack in recorder.recover()))
    sys.exit()
runs = [recorder.begin(Capsule()).finish("success") for _ in range(40)]
if sys.argv[2] == "die":
    runs[-1].result()
    left = [recorder.begin(Capsule()) for _ in range(3)]
    left[0].finish("success")
    os.kill(os.getpid(), signal.SIGKILL)
recorder.close()
"""


def run_at_once(url: str, whats: Sequence[str]) -> list[tuple[int, str]]:
    """A process for each of these, all let go at the same time; how they ended, and what they said last."""
    command = [sys.executable, "-c", RECORDING, url]
    processes = [Popen([*command, what], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) for what in whats]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [(process.wait(60), process.communicate()[0]) for process in processes]


async def test_four_processes_share_a_chain_and_what_a_killed_one_left_is_recovered_once(postgres_url: str) -> None:
    ended = await asyncio.to_thread(run_at_once, postgres_url, ["live", "live", "live", "die"])
    capsules = Capsules(postgres_url)
    left = await capsules.verify()
    recovered = await asyncio.to_thread(run_at_once, postgres_url, ["recover"] * 4)

    verdict = await capsules.verify(level=Level.SIGNATURES)
    records = await capsules.storage.get_all_ordered()
    await capsules.close()

    assert [code for code, _ in ended] == [0, 0, 0, -9]
    assert (left.valid, left.complete) == (True, True)
    assert left.running >= 2
    # One of the four had them all: those it could not know to be sealed, too.
    assert sorted(said == "0\n" for _, said in recovered) == [False, True, True, True]
    assert [record.sequence for record in records] == list(range(163))
    assert (verdict.error, verdict.incomplete) == (None, None)
    assert (verdict.started, verdict.sealed, verdict.failed, verdict.running) == (163, 163, 2, 0)


async def test_a_server_that_does_not_answer_is_asked_for_all_that_waits_and_not_for_each(tmp_path: Path) -> None:
    asked = 0
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        capsules = Capsules(f"postgresql://nobody@{host}:{port}/nothing?sslmode=disable&gssencmode=disable")
        # The first is on its way to a server that says nothing, so the others gather behind it.
        acks = [capsules.chain.submit(Capsule()) for _ in range(50)]

        def hang_up() -> None:
            nonlocal asked
            while True:
                silent.accept()[0].close()
                asked += 1

        hanging = asyncio.get_running_loop().run_in_executor(None, hang_up)
        done = await asyncio.gather(*map(asyncio.wrap_future, acks), return_exceptions=True)
        silent.shutdown(socket.SHUT_RDWR)
        await asyncio.gather(hanging, return_exceptions=True)
    await capsules.close()

    assert all(isinstance(answer, StorageError) for answer in done)
    assert asked < 20


async def test_a_server_that_is_not_there_is_an_error_and_not_a_wait(tmp_path: Path) -> None:
    storage = PostgresCapsuleStorage(f"postgresql://nobody@/nothing?host={tmp_path}")
    seal = Capsules(storage=storage).seal

    ack = storage.append(capsules_.draft(Capsule()), seal)

    assert "PostgreSQL" in str(ack.exception(timeout=30))
    await storage.close()
