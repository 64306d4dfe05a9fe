"""The whole family as a person runs it: `qntx up` as a process of its own, over data of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from qntx.host import presence
from qntx.host.home import Home

START_TIMEOUT_SECONDS = 60.0
END_TIMEOUT_SECONDS = 20.0
CALL_TIMEOUT_SECONDS = 60.0
LOOK_SECONDS = 0.1


class Family:
    """A running host, called over HTTP."""

    def __init__(self, http: httpx.Client, process: subprocess.Popen[bytes]) -> None:
        self.http = http
        self.process = process

    def execute(self, glyph: str, content: str, **fields: Any) -> httpx.Response:
        """Run that code under that glyph."""
        return self.http.post("/api/python/execute", json={"glyph": glyph, "content": content, **fields})

    def attestations(self, **question: str) -> list[dict[str, Any]]:
        """Those that match, newest first."""
        rows: list[dict[str, Any]] = self.http.get("/api/attestations", params=question).raise_for_status().json()
        return rows

    def plugins(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.http.get("/api/plugins").raise_for_status().json()["plugins"]
        return rows

    def processes(self) -> list[psutil.Process]:
        """The host and everything that descends from it now."""
        host = psutil.Process(self.process.pid)
        return [host, *host.children(recursive=True)]


@contextmanager
def running(home: Home, log: Path, names: Sequence[str] = ("bio", "data", "python")) -> Iterator[Family]:
    """The family in that home, each of the plugins named running; stopped by Ctrl-C's signal at the end."""
    command = [sys.executable, "-m", "qntx.cli", "up", "--port", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, "QNTX_HOME": str(home.root)}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        with httpx.Client(base_url=_url(home, process, log), timeout=CALL_TIMEOUT_SECONDS, trust_env=False) as http:
            family = Family(http, process)
            _wait_for(names, family, log)
            yield family
    finally:
        _stop(process)


def _url(home: Home, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if here := presence.running(home.presence):
            return here.url
        time.sleep(LOOK_SECONDS)
    raise RuntimeError(f"the host did not start:\n{log.read_text()}")


def _wait_for(names: Sequence[str], family: Family, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        running_now = {plugin["name"] for plugin in family.plugins() if plugin["state"] == "running"}
        if running_now >= set(names):
            return
        time.sleep(LOOK_SECONDS)
    raise RuntimeError(f"not all of {', '.join(names)} run:\n{json.dumps(family.plugins())}\n{log.read_text()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
