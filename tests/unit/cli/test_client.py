"""How a command finds the host and hears what it says. The host is a real server that answers what it is told."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from qntx.cli import client
from qntx.cli.client import Client
from qntx.errors import Busy, ChassisError, HostUnavailable, NotFound, NotPermitted, Refused, Unavailable
from qntx.host import presence
from qntx.host.home import Home
from qntx.host.presence import Presence


class Told(BaseHTTPRequestHandler):
    """Answers with the server's `status` and `body`, and keeps what was asked."""

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked = (self.command, self.path, self.headers, body)  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Content-Length", str(len(self.server.body)))  # type: ignore[attr-defined]
        self.end_headers()
        self.wfile.write(self.server.body)  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    status = 200
    body = b"{}"
    asked: tuple = ()  # type: ignore[type-arg]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Told) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def host(server: Server) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{server.server_port}", token="secret") as connected:
        yield connected


def test_an_answer_is_its_value(server: Server, host: Client) -> None:
    server.body = b'{"a": [1]}'

    assert host.get("/api/x", limit=3, since=None) == {"a": [1]}
    method, path, headers, _ = server.asked
    assert (method, path, headers["Authorization"]) == ("GET", "/api/x?limit=3", "Bearer secret")


def test_a_body_is_sent_as_json(server: Server, host: Client) -> None:
    host.post("/api/x", {"a": 1})

    _, _, headers, body = server.asked
    assert (headers["Content-Type"], json.loads(body)) == ("application/json", {"a": 1})


def test_an_empty_answer_is_none(server: Server, host: Client) -> None:
    server.body = b""

    assert host.get("/") is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (403, NotPermitted),
        (404, NotFound),
        (413, Refused),
        (429, Busy),
        (503, Unavailable),
        (500, Unavailable),
    ],
)
def test_a_refusal_is_raised_with_the_hosts_words(
    server: Server, host: Client, status: int, kind: type[ChassisError]
) -> None:
    server.status, server.body = status, b'{"error": "why not"}'

    with pytest.raises(kind, match=r"^why not$"):
        host.get("/")


def test_an_answer_that_is_not_ours_is_shown(server: Server, host: Client) -> None:
    server.status, server.body = 502, b"<h1>Bad Gateway</h1>"

    with pytest.raises(Unavailable, match=r"502, and not as a QNTX host does: <h1>Bad Gateway"):
        host.get("/")


def test_events_come_with_their_names(server: Server, host: Client) -> None:
    server.body = b': comment\n\nevent: stdout\ndata: {"text": "a"}\n\ndata: 1\n\nevent: end\ndata: {}\n\n'

    assert list(host.events("POST", "/", {})) == [("stdout", {"text": "a"}), ("message", 1), ("end", {})]


def test_refused_events_are_raised(server: Server, host: Client) -> None:
    server.status, server.body = 404, b'{"error": "no such glyph"}'

    with pytest.raises(NotFound, match="no such glyph"):
        list(host.events("POST", "/", {}))


def test_a_host_that_is_gone_is_named() -> None:
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(HostUnavailable, match=r"http://127\.0\.0\.1:9"):
        nobody.get("/")


def test_the_running_host_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QNTX_URL", raising=False)
    home = Home(tmp_path)
    presence.announce(home.presence, Presence.of_this_process("http://127.0.0.1:1234"))

    with client.find(home) as found:
        assert found.url == "http://127.0.0.1:1234"


def test_the_named_host_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNTX_URL", "http://127.0.0.1:5/")

    with client.find(Home(tmp_path)) as found:
        assert found.url == "http://127.0.0.1:5"


def test_without_a_host_the_way_to_start_one_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QNTX_URL", raising=False)

    with pytest.raises(HostUnavailable, match="qntx up"):
        client.find(Home(tmp_path))


def test_running_on_a_host_does_not_load_one() -> None:
    """What would take a second to import stays out of every `qntx run`."""
    code = "import qntx.cli.run, qntx.cli.eval, sys; print([n for n in ('grpc', 'fastapi') if n in sys.modules])"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
