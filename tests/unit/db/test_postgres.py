"""Work on a PostgreSQL that goes away: done once, or an error that says what is known."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from psycopg import Connection
from tests.postgres import PostgresServer

from qntx.db.postgres import Session, address
from qntx.errors import Refused, Unavailable

SOCKET = ".s.PGSQL.5432"
COMMIT = b"COMMIT\x00"


class Cut:
    """A line to the server that is cut once, when a commit goes through it: before the server has it, or its answer."""

    def __init__(self, server: Path, *, before: bool) -> None:
        self.folder = tempfile.mkdtemp(prefix="qntx-cut-")
        self._server = str(server / SOCKET)
        self._before = before
        self._armed = True
        self._cutting: socket.socket | None = None
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(f"{self.folder}/{SOCKET}")
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()
        shutil.rmtree(self.folder)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                threading.Thread(target=self._there, args=(client, server), daemon=True).start()
                threading.Thread(target=self._back, args=(client, server), daemon=True).start()

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, suppress(OSError):
            while data := client.recv(65536):
                if COMMIT in data and self._armed:
                    self._armed = False
                    if self._before:
                        return
                    self._cutting = client
                server.sendall(data)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if self._cutting is client:
                    # It is committed by now.
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)


@pytest.fixture
def facts(postgres_url: str) -> Iterator[Callable[[], list[int]]]:
    """What is kept, as somebody else reads it."""
    session = Session(postgres_url)
    session.write(lambda connection: connection.execute("CREATE TABLE fact (n integer)"))
    yield lambda: [row[0] for row in session.read(lambda c: c.execute("SELECT n FROM fact ORDER BY n").fetchall())]
    session.close()


@pytest.fixture(params=["before", "after"])
def cut(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> Iterator[Cut]:
    cut = Cut(postgres_server.folder, before=request.param == "before")
    yield cut
    cut.close()


def url_through(cut: Cut, url: str) -> str:
    return f"{url.partition('?')[0]}?host={cut.folder}"


def insert(connection: Connection) -> None:
    connection.execute("INSERT INTO fact VALUES (1)")


def test_a_commit_whose_answer_is_lost_is_looked_up_and_done_once(
    cut: Cut, postgres_url: str, facts: Callable[[], list[int]]
) -> None:
    session = Session(url_through(cut, postgres_url))

    session.write(insert, lambda connection: connection.execute("SELECT 1 FROM fact").fetchone() is not None)

    session.close()
    assert facts() == [1]


def test_a_commit_that_cannot_be_looked_up_is_said_to_be_in_doubt(
    cut: Cut, postgres_url: str, facts: Callable[[], list[int]]
) -> None:
    session = Session(url_through(cut, postgres_url))

    with pytest.raises(Unavailable, match="not known"):
        session.write(insert)

    session.close()
    assert len(facts()) <= 1


def test_work_that_was_interrupted_before_its_commit_is_done_again(
    postgres_url: str, facts: Callable[[], list[int]]
) -> None:
    session, other = Session(postgres_url), Session(postgres_url)
    attempts: list[int] = []

    def work(connection: Connection) -> None:
        insert(connection)
        attempts.append(connection.info.backend_pid)
        if len(attempts) == 1:
            other.read(lambda c: c.execute("SELECT pg_terminate_backend(%s, 10000)", (attempts[0],)).fetchone())
        insert(connection)

    session.write(work)

    session.close()
    other.close()
    assert facts() == [1, 1]
    assert len(set(attempts)) == 2


def test_what_the_work_itself_raises_undoes_it_and_is_not_tried_again(
    postgres_url: str, facts: Callable[[], list[int]]
) -> None:
    session = Session(postgres_url)

    def work(connection: Connection) -> None:
        insert(connection)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        session.write(work)

    with pytest.raises(Refused, match="NUL"):
        session.write(lambda connection: connection.execute("SELECT %s", ("a\x00",)))

    session.close()
    assert facts() == []


@pytest.mark.parametrize("url", ["", "here", "mysql://x/y", "/a/file", "postgresql"])
def test_what_is_no_address_of_a_database_is_refused_with_the_form_of_one(url: str) -> None:
    with pytest.raises(Refused, match="postgresql://"):
        address(url)


def test_a_driver_in_the_address_is_ours_to_choose() -> None:
    assert address("postgresql+asyncpg://me@there/it") == "postgresql://me@there/it"
