"""Real hosts: `qntx up` as its own process, with real plugins, on ports of its own."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.processes import still_alive

from qntx.host.home import Home

START_TIMEOUT_SECONDS = 60.0
END_TIMEOUT_SECONDS = 20.0
STANDIN = Path(__file__).with_name("standin_plugin.py")


class RunningHost:
    """A host's process, and HTTP calls on it."""

    def __init__(self, home: Home, config: str = "", *arguments: str) -> None:
        home.config.write_text(config)
        self.home = home
        self.log = home.root / "up.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "qntx.cli", "up", "--port", "0", *arguments],
                env={**os.environ, "QNTX_HOME": str(home.root)},
                cwd=home.root,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.url = self.until(self._announced)["url"]
        self.http = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def _announced(self) -> Any:
        """What host.json says, once it speaks of this process and not of one before it."""
        if not self.home.presence.exists():
            return None
        here = json.loads(self.home.presence.read_text())
        return here if here["pid"] == self.process.pid else None

    def execute(self, content: str, glyph: str = "py", **fields: Any) -> Any:
        """The answer of a run that was not refused."""
        answer = self.http.post("/api/python/execute", json={"content": content, "glyph": glyph, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    @contextmanager
    def caller(self, **body: Any) -> Iterator[None]:
        """Who asked for a run, and goes away without the answer."""
        sent = json.dumps(body).encode()
        head = f"POST /api/python/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(sent)}\r\n"
        with socket.create_connection(("127.0.0.1", self.http.base_url.port)) as connection:
            connection.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + sent)
            yield

    def plugin(self, name: str) -> Any:
        return self.http.get(f"/api/plugins/{name}").json()

    def until(self, holds: Callable[[], Any], timeout_seconds: float = START_TIMEOUT_SECONDS) -> Any:
        """Wait for that, and return what it was."""
        deadline = time.monotonic() + timeout_seconds
        while not (value := holds()):
            assert self.process.poll() is None, f"the host ended: {self.log.read_text()}"
            assert time.monotonic() < deadline, f"it did not happen in time; the host said:\n{self.log.read_text()}"
            time.sleep(0.05)
        return value

    def until_state(self, name: str, state: str) -> Any:
        return self.until(lambda: (plugin := self.plugin(name))["state"] == state and plugin)

    def family(self) -> list[psutil.Process]:
        """The host and everything that descends from it now."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit code. Nothing of it may be left."""
        family = self.family()
        self.process.send_signal(number)
        code = self.process.wait(END_TIMEOUT_SECONDS)
        assert still_alive(family, within_seconds=10) == []
        return code

    def close(self) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.end()


@pytest.fixture(scope="module")
def host(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """A host with bio, data and python, all running. Tests of a module share it."""
    own = Home(tmp_path_factory.mktemp("home"))
    own.create()
    for name in ("bio", "data", "python"):
        program = home.plugins / f"qntx-{name}-plugin"
        if not program.exists():
            pytest.fail(f"variant {name} is not built in {home.root}: `make test` builds it", pytrace=False)
        (own.plugins / program.name).symlink_to(program)
    running = RunningHost(own)
    for name in ("bio", "data", "python"):
        running.until_state(name, "running")
    yield running
    running.close()


@pytest.fixture
def bare_home(tmp_path: Path) -> Home:
    """A home without plugins."""
    home = Home(tmp_path / "home")
    home.create()
    return home


@pytest.fixture
def start_host(bare_home: Home) -> Iterator[Callable[..., RunningHost]]:
    """Starts a host of `bare_home`; ended with the test, and nothing of it may be left."""
    started: list[RunningHost] = []

    def start(config: str = "", *arguments: str) -> RunningHost:
        started.append(RunningHost(bare_home, config, *arguments))
        return started[-1]

    yield start

    for running in started:
        running.close()


@pytest.fixture
def install(bare_home: Home) -> Callable[..., Path]:
    """Installs a launcher in `bare_home`: the stand-in plugin under a name, told how to behave."""

    def launcher(name: str, **behaviour: Any) -> Path:
        told = {"name": name, **behaviour}
        command = [sys.executable, "-I", str(STANDIN), json.dumps(told)]
        path = bare_home.plugins / f"qntx-{name}-plugin"
        path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        path.chmod(0o755)
        return path

    return launcher


@pytest.fixture
def command_line(bare_home: Home) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `qntx …` beside a host of `bare_home`, or without one."""

    def run(*arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "qntx.cli", *arguments],
            env={**os.environ, "QNTX_HOME": str(bare_home.root), **(env or {})},
            cwd=bare_home.root,
            input=stdin,
            text=True,
            capture_output=True,
            timeout=60,
        )

    return run
