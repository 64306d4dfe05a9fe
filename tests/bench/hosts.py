"""Trivial jobs a second: over a file and over PostgreSQL, one host and three that share it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from tests.bench.measure import Row
from tests.postgres import MISSING, PostgresServer, programs

from qntx.host.home import Home

JOBS = 200
START_SECONDS = 60
TRIVIAL = {"handler_name": "python/python.script", "payload": {"content": "_result = 1"}}
OPEN = {"status": "queued,running", "limit": "1000"}
FILE = "one host, SQLite"


def rows() -> Iterator[Row]:
    if programs() is None:
        print(MISSING)
        return
    server = PostgresServer.make()
    server.start()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-hosts-") as folder:
            # A host that runs as root runs its scripts as nobody.
            Path(folder).chmod(0o755)
            yield Row(FILE, _rate(Path(folder) / "file", 1, ""), "jobs/s", note="default durability of both")
            for hosts, name in ((1, "one host, PostgreSQL"), (3, "three hosts, PostgreSQL")):
                with server.database() as url:
                    rate = _rate(Path(folder) / str(hosts), hosts, url)
                yield Row(name, rate, "jobs/s", to=FILE, note="all on this machine, so its cores are shared too")
    finally:
        server.stop()
        server.remove()


def _rate(folder: Path, hosts: int, database: str) -> float:
    with ExitStack() as stack:
        homes = [folder / str(number) for number in range(hosts)]
        http = [stack.enter_context(_host(home, database)) for home in homes]
        started = time.perf_counter()
        for number in range(JOBS):
            http[number % hosts].post("/api/pulse/jobs", json=TRIVIAL).raise_for_status()
        while http[0].get("/api/pulse/jobs", params=OPEN).json()["count"]:
            time.sleep(0.05)
        return JOBS / (time.perf_counter() - started)


@contextmanager
def _host(root: Path, database: str) -> Iterator[httpx.Client]:
    home = Home(root)
    home.create()
    launcher = Home.find().plugins / "qntx-python-plugin"
    (home.plugins / launcher.name).symlink_to(launcher)
    command = [sys.executable, "-m", "qntx.cli", "up", "--port", "0", "--database", database]
    with (root / "up.log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, "QNTX_HOME": str(root)}, cwd=root, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _until(home.presence.exists)
        url = json.loads(home.presence.read_text())["url"]
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
            _until(lambda: http.get("/api/plugins/python").json().get("state") == "running")
            yield http
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("a host did not start")
        time.sleep(0.05)
