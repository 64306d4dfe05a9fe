"""Trivial jobs over a file and over PostgreSQL, one host and three that share it: how many a second, what one costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
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
            yield from _rows(FILE, _measured(Path(folder) / "file", 1, ""), "default durability of both")
            database = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
            for hosts, name in ((1, "one host, PostgreSQL"), (3, "three hosts, PostgreSQL")):
                with server.database() as url:
                    measured = _measured(Path(folder) / str(hosts), hosts, url, database)
                yield from _rows(name, measured, "all on this machine, so its cores are shared too")
    finally:
        server.stop()
        server.remove()


def _rows(name: str, measured: tuple[float, float], note: str) -> Iterator[Row]:
    rate, cost = measured
    yield Row(name, rate, "jobs/s", to="" if name == FILE else FILE, note=note)
    cores = "of all processes: host, plugin, workers, database"
    yield Row(f"{name}: a job", cost, "ms of a core", to="" if name == FILE else f"{FILE}: a job", note=cores)


def _measured(folder: Path, hosts: int, database: str, *others: int) -> tuple[float, float]:
    """Jobs a second, and milliseconds of a core that one took of the hosts, of what they started and of the others."""
    with ExitStack() as stack:
        homes = [folder / str(number) for number in range(hosts)]
        running = [stack.enter_context(_host(home, database)) for home in homes]
        processes = [*(pid for _, pid in running), *others]
        spent, started = _processor_seconds(processes), time.perf_counter()
        for number in range(JOBS):
            running[number % hosts][0].post("/api/pulse/jobs", json=TRIVIAL).raise_for_status()
        while running[0][0].get("/api/pulse/jobs", params=OPEN).json()["count"]:
            time.sleep(0.05)
        seconds = time.perf_counter() - started
        return JOBS / seconds, 1000 * (_processor_seconds(processes) - spent) / JOBS


def _processor_seconds(pids: Sequence[int]) -> float:
    """Of these and all that they started, whether it is still there or was waited for."""
    roots = [psutil.Process(pid) for pid in pids]
    return sum(sum(each.cpu_times()[:4]) for root in roots for each in (root, *root.children(recursive=True)))


@contextmanager
def _host(root: Path, database: str) -> Iterator[tuple[httpx.Client, int]]:
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
            yield http, process.pid
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("a host did not start")
        time.sleep(0.05)
