"""Connections, migrations, the writer and the readers, on real files."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from qntx.db.migrations import migrate
from qntx.db.readers import Readers
from qntx.db.sqlite import connect, connect_to_read
from qntx.db.writer import Writer
from qntx.errors import Unavailable

TABLE = (("CREATE TABLE fact (n INTEGER PRIMARY KEY)",),)


def insert(n: int):  # type: ignore[no-untyped-def]
    return lambda connection: connection.execute("INSERT INTO fact VALUES (?)", (n,)).lastrowid


def facts(path: Path) -> list[int]:
    with closing(connect_to_read(path)) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM fact ORDER BY n")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "new folder ?#%" / "facts.db"
    connection = connect(path)
    migrate(connection, TABLE)
    connection.close()
    return path


def test_nobody_else_can_read_the_files(path: Path) -> None:
    connection = connect(path)
    insert(1)(connection)

    files = list(path.parent.iterdir())

    assert {file.name for file in files} == {"facts.db", "facts.db-wal", "facts.db-shm"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database, and long enough to be taken for a header of one" * 10)

    with pytest.raises(Unavailable, match=r"text\.db.*not a database"):
        connect(tmp_path / "text.db")


def test_a_file_that_is_not_there_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does it exist"):
        connect_to_read(tmp_path / "missing.db")


def test_a_place_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Unavailable, match="has to be writable"):
        connect(tmp_path / "file" / "x.db")


def test_a_migration_is_applied_once(path: Path) -> None:
    connection = connect(path)
    more = (*TABLE, ("ALTER TABLE fact ADD COLUMN m", "CREATE INDEX fact_m ON fact (m)"))

    migrate(connection, more)
    migrate(connection, more)

    assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_migration_that_fails_leaves_nothing(path: Path) -> None:
    connection = connect(path)

    with pytest.raises(Unavailable, match="nonsense"):
        migrate(connection, (*TABLE, ("ALTER TABLE fact ADD COLUMN m", "nonsense")))

    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert [row[1] for row in connection.execute("PRAGMA table_info(fact)")] == ["n"]


def test_a_database_of_a_later_version_is_refused(path: Path) -> None:
    connection = connect(path)
    connection.execute("PRAGMA user_version = 9")

    with pytest.raises(Unavailable, match="schema 9"):
        migrate(connection, TABLE)


async def test_what_was_answered_is_committed(path: Path) -> None:
    writer = Writer(connect(path), "facts")

    await asyncio.gather(*(writer.submit(insert(n)) for n in range(50)))

    assert facts(path) == list(range(50))
    writer.close()


async def test_one_that_fails_takes_nobody_with_it_and_leaves_nothing(path: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        insert(7)(connection)
        raise ValueError("second thoughts")

    writer = Writer(connect(path), "facts")

    results = await asyncio.gather(
        writer.submit(insert(1)),
        writer.submit(half),
        writer.submit(insert(1)),
        writer.submit(insert(2)),
        return_exceptions=True,
    )

    assert facts(path) == [1, 2]
    assert [type(result) for result in results] == [int, ValueError, sqlite3.IntegrityError, int]
    writer.close()


async def test_a_transaction_in_doubt_is_refused_to_all_and_the_next_one_works(path: Path) -> None:
    connection = connect(path)
    writer = Writer(connection, "facts")
    begun, hold = threading.Event(), threading.Event()
    first = asyncio.create_task(writer.submit(lambda _: begun.set() or hold.wait(30)))
    await asyncio.to_thread(begun.wait)

    doubtful = [
        asyncio.create_task(writer.submit(insert(1))),
        asyncio.create_task(writer.submit(lambda connection: connection.execute("SELECT * FROM nowhere"))),
    ]
    await asyncio.sleep(0.05)
    hold.set()
    results = await asyncio.gather(first, *doubtful, return_exceptions=True)

    assert [type(result) for result in results] == [bool, Unavailable, Unavailable]
    assert facts(path) == []
    await writer.submit(insert(2))
    assert facts(path) == [2]
    writer.close()


async def test_a_caller_that_left_stops_nobody(path: Path) -> None:
    writer = Writer(connect(path), "facts")
    gone = asyncio.create_task(writer.submit(insert(1)))
    await asyncio.sleep(0)
    gone.cancel()

    await writer.submit(insert(2))

    assert 2 in facts(path)
    writer.close()


async def test_closing_writes_what_was_submitted_and_refuses_the_rest(path: Path) -> None:
    writer = Writer(connect(path), "facts")
    last = asyncio.create_task(writer.submit(insert(1)))
    await asyncio.sleep(0)

    await asyncio.to_thread(writer.close)
    writer.close()

    await last
    assert facts(path) == [1]
    with pytest.raises(Unavailable, match="stopping"):
        await writer.submit(insert(2))


async def test_upkeep_that_fails_is_logged_leaves_nothing_and_stops_nobody(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tried = threading.Event()

    def upkeep(connection: sqlite3.Connection) -> bool:
        insert(7)(connection)
        tried.set()
        return bool(connection.execute("SELECT * FROM nowhere").fetchone())

    writer = Writer(connect(path), "facts", upkeep)
    await writer.submit(insert(1))
    assert await asyncio.to_thread(tried.wait, 20)
    await writer.submit(insert(2))
    writer.close()

    assert facts(path) == [1, 2]
    assert "facts could not be kept in order: no such table: nowhere" in caplog.text


async def test_readers_see_what_was_committed_and_write_nothing(path: Path) -> None:
    writer = Writer(connect(path), "facts")
    readers = Readers(path, "facts")
    await writer.submit(insert(1))

    assert await readers.run(lambda connection: connection.execute("SELECT n FROM fact").fetchall()) == [(1,)]
    with pytest.raises(Unavailable, match="readonly"):
        await readers.run(insert(2))

    readers.close()
    readers.close()
    with pytest.raises(Unavailable, match="stopping"):
        await readers.run(lambda connection: None)
    writer.close()


async def test_closing_does_not_wait_for_a_long_answer(path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT begun() UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    begun = threading.Event()

    def ask(connection: sqlite3.Connection) -> object:
        connection.create_function("begun", 0, begun.set)
        return connection.execute(endless).fetchone()

    readers = Readers(path, "facts")
    asking = asyncio.create_task(readers.run(ask))
    await asyncio.to_thread(begun.wait)

    await asyncio.wait_for(asyncio.to_thread(readers.close), 10)

    with pytest.raises(Unavailable, match="interrupted"):
        await asking
