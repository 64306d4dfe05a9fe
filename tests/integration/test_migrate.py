"""qntx migrate: everything of a home is in the database afterwards, as it was; what stands in the way is said."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from qntx.capsules import Capsule, Capsules, Level, Recorder, Seal
from qntx.cli.__main__ import main
from qntx.cli.migrate import with_database
from qntx.db.migrations import migrate
from qntx.db.postgres_database import Database
from qntx.db.sqlite import connect
from qntx.host import presence
from qntx.host.canvas import Canvas, Glyph
from qntx.host.canvas_postgres import PostgresCanvas
from qntx.host.config import load
from qntx.host.home import Home
from qntx.host.presence import Presence
from qntx.host.pulse import tables
from qntx.host.store.node_key import NodeKey, verify
from qntx.host.store.postgres import PostgresStore
from qntx.host.store.sqlite import SQLiteStore
from qntx.host.watchers.dispatch import Firing
from qntx.host.watchers.postgres import PostgresWatcherStore
from qntx.host.watchers.storage import Fired, WatcherStore
from qntx.model.attestation import Attestation, Draft, Filter
from qntx.model.watcher import Action, Watcher

WATCHER = Watcher(
    "w", "w", Filter(subjects=("a",)), Action.PYTHON, "1", enabled=False, from_position=2, principal="ada"
)
FOREIGN = Attestation("AS-X", ("é\x00",), ("p",), ("c",), ("me",), 5, 6, "it", {"n": [1.5, None]}, b"\x01", "did:z")
GLYPHS = [Glyph("g", "ix", content="csv a.csv"), Glyph("h", "py", fed_by="g")]
JOBS = ("queued", "running", "paused", "completed")
COUNT = 2500


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with some of everything, whose host was killed."""
    home = Home(tmp_path / "home")
    home.create()
    monkeypatch.setenv("QNTX_HOME", str(home.root))
    monkeypatch.delenv("QNTX_DATABASE", raising=False)
    async with SQLiteStore(home.attestations, NodeKey.load(home.keys / "node.key")) as store:
        await store.add_many([Draft(subjects=["a"], attributes={"n": n}) for n in range(COUNT - 1)])
        await store.put(FOREIGN)
    async with WatcherStore(home.watchers) as watchers:
        await watchers.save([WATCHER])
        await watchers.enqueue([Firing(0, "w", 7, "AS-7", depth=1), Firing(0, "w", 9, "AS-9", depth=1)], 40)
        due = await watchers.next("w")
        assert due is not None
        await watchers.finish(due, Fired("AS-7", 5, 1, "", "out\x00put"))
    async with Canvas(home.canvas) as canvas:
        for glyph in (*GLYPHS, Glyph("gone", "py")):
            await canvas.put(glyph)
        await canvas.remove("gone")
        await canvas.keep_answer("g", b'{"job_id": "JB1"}')
    _fill_pulse(home.jobs)
    await _seal(home)
    return home


def _fill_pulse(path: Path) -> None:
    connection = connect(path)
    migrate(connection, tables.MIGRATIONS)
    job = dict.fromkeys(tables.JOB_COLUMNS.split(", "), 0) | dict.fromkeys(
        ("handler_name", "source", "parent_id", "progress_message", "error", "waiting_for", "plugin_version"), ""
    )
    for state in JOBS:
        row = job | {"id": f"JB-{state}", "state": state, "generation": 3, "payload_json": b"{}", "result_json": b"1"}
        row |= {"grants_json": "{}", "progress_total": None, "principal": "ada"}
        _insert(connection, "job", row | {"delivered": 3})
    line = {"job_id": "JB-completed", "timestamp_ms": 1, "level": "info", "stage": "", "metadata_json": "{}"}
    for number in range(3):
        _insert(connection, "job_line", line | {"message": f"line {number}\x00"})
    schedule = dict.fromkeys(tables.SCHEDULE_COLUMNS.split(", "), "") | {"id": "SC", "payload_json": b"{}"}
    times = ("interval_seconds", "next_run_at_ms", "created_at_ms", "updated_at_ms", "last_run_at_ms")
    _insert(connection, "schedule", schedule | dict.fromkeys(times, 60) | {"state": "active"})
    connection.close()


def _insert(connection, table: str, row: dict[str, object]) -> None:  # type: ignore[no-untyped-def]
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


async def _seal(home: Home) -> None:
    capsules = Capsules(home.capsules, seal=Seal(home.keys / "key"))
    recorder = Recorder(capsules)
    for _ in range(30):
        await asyncio.wrap_future(recorder.begin(Capsule()).finish("success"))
    recorder.begin(Capsule())  # The host was killed in the middle of this one.
    await asyncio.to_thread(recorder.close)
    await capsules.close()


async def everything(store: SQLiteStore | PostgresStore) -> list[tuple[int, Attestation]]:
    return await store.after(0, limit=10 * COUNT)


async def run(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["migrate", *arguments])


async def test_all_of_a_home_is_in_the_database_as_it_was(
    home: Home, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("--to", postgres_url, "--json") == 0

    report = json.loads(capsys.readouterr().out)
    counted = {"attestations": COUNT, "watchers": 1, "firings that wait": 1, "firings that ran": 1, "glyphs": 2}
    counted |= {"answers of glyphs": 1, "removed glyphs": 1, "jobs": 4, "lines of jobs": 3, "schedules": 1}
    assert report["rows"] == counted | {"capsules": 31}
    assert report["trail"] == "valid"
    async with SQLiteStore(home.attestations) as here, Database(postgres_url) as database:
        async with PostgresStore(database) as there:
            kept = await everything(there)
            assert kept == await everything(here)
            assert verify(kept[0][1])
            assert kept[-1] == (COUNT, FOREIGN)
        async with PostgresWatcherStore(database) as watchers:
            assert await watchers.watchers() == [WATCHER]
            assert await watchers.cursor() == 40
            assert [one.position for one in [await watchers.next("w")] if one] == [9]
            assert (await watchers.tallies())["w"].fire_count == 1
        async with PostgresCanvas(database) as canvas:
            assert await canvas.glyphs() == GLYPHS
            assert await canvas.ingesting("JB1") == ["g"]
        jobs = await database.read(
            lambda connection: connection.execute("SELECT state, generation, delivered FROM qntx.job").fetchall()
        )
        asked = await database.read(
            lambda connection: connection.execute("SELECT DISTINCT principal FROM qntx.job").fetchall()
        )
    # What ran when the host was killed is queued for its next run; what is queued goes to the new queue.
    assert jobs == [("queued", 3, 0), ("queued", 4, 0), ("paused", 3, 0), ("completed", 3, 3)]
    assert asked == [("ada",)]


async def test_the_audit_trail_goes_on_where_the_file_ended(home: Home, postgres_url: str) -> None:
    assert await run("--to", postgres_url) == 0

    seal = Seal(home.keys / "key")
    file, database = Capsules(home.capsules, seal=seal), Capsules(postgres_url, seal=seal)
    recorder = Recorder(database, home.root / "runs")
    await asyncio.wrap_future(recorder.begin(Capsule()).finish("success"))
    verdict = await database.chain.verify(level=Level.SIGNATURES)
    hashes = [list(await one.chain.storage.hashes(0, 31)) for one in (file, database)]
    recorder.close()
    await file.close()
    await database.close()

    assert (verdict.valid, verdict.sealed, verdict.capsules_verified) == (True, 32, 32)
    assert hashes[0] == hashes[1]


async def test_the_configuration_names_the_database_afterwards(home: Home, postgres_url: str) -> None:
    home.config.write_text("# mine\n[host]\nport = 9000\n\n[pulse]\nrunning_max = 2\n")

    assert await run("--to", postgres_url) == 0

    config = load(home, named=home.config)
    assert (config.host.database, config.host.port, config.pulse.running_max) == (postgres_url, 9000, 2)
    assert home.config.read_text().startswith("# mine\n")
    assert home.config.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[host]\ndatabase = "u"\n'),
        ("[pulse]\nx = 1\n", '[pulse]\nx = 1\n\n[host]\ndatabase = "u"\n'),
        ("[host] # here\nport = 1", '[host] # here\ndatabase = "u"\nport = 1'),
        ('[host]\ndatabase = "old"\n[pulse]', '[host]\ndatabase = "u"\n[pulse]'),
    ],
)
def test_a_configuration_is_changed_in_that_one_line(before: str, after: str) -> None:
    assert with_database(before, "u") == after


async def test_a_second_time_there_is_nothing_to_do_and_a_home_that_went_on_is_not_overlooked(
    home: Home, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("--to", postgres_url, "--keep-config") == 0
    assert not home.config.exists()
    assert await run("--to", postgres_url) == 0
    assert "nothing was left to do" in capsys.readouterr().out

    async with SQLiteStore(home.attestations) as store:
        await store.add(Draft(subjects=["later"]))

    assert await run("--to", postgres_url) == 1
    assert "have since taken 1 attestations" in capsys.readouterr().err


async def test_killed_in_the_middle_it_goes_on_and_ends_the_same(home: Home, postgres_url: str) -> None:
    async with Database(postgres_url) as database, PostgresStore(database):
        pass
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(HALTING)
        started = _start(postgres_url)
        await until(lambda: _arrived(connection) > 0)
        os.kill(started.pid, signal.SIGKILL)
        started.wait()
        connection.execute(HALTED_ENDED)
        await until(lambda: connection.execute(OTHERS).fetchone() == (0,))
        assert 0 < _arrived(connection) < COUNT
        connection.execute("DROP FUNCTION halt CASCADE")

    assert await run("--to", postgres_url) == 0

    async with (
        SQLiteStore(home.attestations) as here,
        Database(postgres_url) as database,
        PostgresStore(database) as there,
    ):
        assert await everything(there) == await everything(here)


HALTING = f"""
CREATE FUNCTION halt() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NEW; END';
CREATE TRIGGER halt BEFORE INSERT ON qntx.attestation
    FOR EACH ROW WHEN (NEW.position > {COUNT // 2}) EXECUTE FUNCTION halt()
"""
"""Nobody gets past the middle."""
OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
HALTED_ENDED = OTHERS.replace("count(*)", "pg_terminate_backend(pid)")
"""The server has not heard of a client's death while it is at work for it."""


def _start(url: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "qntx.cli", "migrate", "--to", url]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _arrived(connection: psycopg.Connection[tuple[int]]) -> int:
    if not (connection.execute("SELECT to_regclass('qntx.attestation')::text").fetchone() or [None])[0]:
        return 0
    row = connection.execute("SELECT count(*) FROM qntx.attestation").fetchone()
    return row[0] if row else 0


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_home_whose_host_runs_is_not_moved(
    home: Home, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    presence.announce(home.presence, Presence.of_this_process("http://127.0.0.1:1"))

    assert await run("--to", postgres_url) == 1

    assert "a host is running" in capsys.readouterr().err


async def test_a_database_with_other_data_is_left_alone(
    home: Home, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Database(postgres_url) as database, PostgresStore(database) as store:
        await store.put(replace(FOREIGN, id="AS-THEIRS"))

    assert await run("--to", postgres_url) == 1

    assert "holds attestations of other hosts" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://here/x", "has the form postgresql://"),
        ("postgresql://me@/x?host=/nowhere", "does not answer"),
        ("postgresql://me:secret@localhost:1/x?nonsense=1", "cannot be read"),
    ],
)
async def test_an_address_that_is_none_is_said_without_its_password(
    home: Home, url: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("--to", url) == 1

    error = capsys.readouterr().err
    assert said in error
    assert "secret" not in error
    assert not home.config.exists()


async def test_an_empty_home_is_no_mistake_that_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QNTX_HOME", str(tmp_path))

    assert await run("--to", "postgresql://me@/x") == 1

    assert "nothing to migrate" in capsys.readouterr().err
