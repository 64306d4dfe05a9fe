"""What the guide on ingest scripts shows is what happens."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.integration.test_readme import commands

from qntx.host.home import Home

from .conftest import IngestHost, install, open_folder

GUIDE = Path("chassis/src/qntx/host/ix/README.md")
ITEMS = [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]


class Items(BaseHTTPRequestHandler):
    """The page that the guide fetches."""

    def do_GET(self) -> None:
        body = json.dumps(ITEMS).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def page() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Items) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/items.json"
        server.shutdown()


@pytest.fixture
def host(home: Home, tmp_path: Path) -> Iterator[IngestHost]:
    own = Home(tmp_path / "home")
    install(own, home)
    running = IngestHost(own, "[host]\nfetch_private = true\n")
    running.until(running.has_all_running)
    yield running
    running.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the reader sits, with a small repository beside."""
    with open_folder() as path:
        (path / "project").mkdir()
        (path / "project" / "a.py").write_text("pass\n")
        for command in (
            "init --quiet",
            "add .",
            "-c user.name=Ada -c user.email=ada@example.org commit --quiet -m one",
        ):
            subprocess.run(["git", "-C", str(path / "project"), *command.split()], check=True)
        yield path


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.timeout(240)
def test_each_command_prints_what_the_guide_says(host: IngestHost, folder: Path, page: str, repository: Path) -> None:
    text = (repository / GUIDE).read_text()
    for code in blocks(text, "python"):
        (folder / code.splitlines()[0].removeprefix("# ")).write_text(code)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "QNTX_HOME": str(host.home.root), "PATH": path}
    said = [told for block in blocks(text, "console") for told in commands(block)]

    for command, expected in said:
        here = command.replace("https://example.org/items.json", page)
        done = subprocess.run(
            ["bash", "-c", here], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.stdout == expected, f"{command}\n{done.stderr}"

    assert len(said) >= 20


def test_the_messages_that_are_explained_are_messages_of_ours(repository: Path) -> None:
    sources = "".join(path.read_text() for path in (repository / "chassis/src/qntx").rglob("*.py"))
    # Texts that a formatter broke in two are one text.
    sources = re.sub(r'"\s*\n\s*f?"', "", sources)
    table = re.findall(r"^\| `(.*?)`.*\|.*\|.*\|$", (repository / GUIDE).read_text(), re.MULTILINE)
    messages = [message for message in table if " " in message]

    parts = [part.strip() for message in messages for part in message.split("…") if len(part.strip()) > 3]

    assert len(parts) >= 8
    assert [part for part in parts if part.replace("'", "") not in sources.replace("'", "")] == []
