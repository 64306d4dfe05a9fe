"""Scripts reach the Dask scheduler that the host names, and nothing else by it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.integration.host.conftest import RunningHost

from qntx.host.distribution import installed_chassis
from qntx.host.environments import Environments, State
from qntx.host.home import Home
from qntx.host.variants import load

START_SECONDS = 60.0


@pytest.fixture(scope="module")
def grid(repository: Path) -> Home:
    """A home with the variant that has Dask: built once, kept in build/."""
    home = Home(repository / "build" / "grid")
    [folder] = load(repository / "tests" / "data" / "variants").values()
    built = Environments(home, installed_chassis()).build(folder, lambda name, what: None)
    assert built.state is State.READY, built.reason
    return home


@pytest.fixture(scope="module")
def scheduler(grid: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real scheduler's address."""
    told = tmp_path_factory.mktemp("scheduler") / "told.json"
    python = grid.environments / "grid" / "bin" / "python3"
    command = [python, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with _running([*command, "--scheduler-file", told]) as process:
        yield _until(lambda: _address(told), process)


@pytest.fixture(scope="module")
def worker(grid: Home, scheduler: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """`qntx worker grid`."""
    folder = tmp_path_factory.mktemp("worker")
    command = [sys.executable, "-m", "qntx.cli", "worker", "grid", "--scheduler", scheduler, "--threads", "2"]
    with _running([*command, "--no-dashboard", "--local-directory", folder], {"QNTX_HOME": str(grid.root)}):
        yield


@pytest.fixture(scope="module")
def host(grid: Home, home: Home, scheduler: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """A host that names the scheduler, with a variant that has Dask and one that has not."""
    own = Home(tmp_path_factory.mktemp("home"))
    own.create()
    for launcher in (grid.plugins / "qntx-grid-plugin", home.plugins / "qntx-python-plugin"):
        (own.plugins / launcher.name).symlink_to(launcher)
    running = RunningHost(own, f'[host]\ndask_scheduler = "{scheduler}"\n')
    for name in ("grid", "python"):
        running.until_state(name, "running")
    yield running
    running.close()


def test_a_script_computes_in_the_cluster_and_attests_what_comes_back(host: RunningHost, worker: None) -> None:
    code = """
from qntx import dask_client as the_same
def square(x): return x * x
client = dask_client()
total = sum(client.gather(client.map(square, range(10))))
attest(["squares"], ["computed"], contexts=["lab"], attributes={"total": total})
[total, the_same() is client]
"""
    # The worker may still be on its way.
    answer = host.execute(code, glyph="py:grid", timeout_secs=90)

    assert answer["success"], answer["error"]
    assert answer["result"] == [285, True]


def test_nothing_else_is_reached_than_the_scheduler(host: RunningHost) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        answer = host.execute(f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 5)", glyph="py:grid")
    elsewhere = host.execute("import socket\nsocket.create_connection(('127.0.0.1', 9), 5)", glyph="py")

    assert "Permission denied" in answer["error"]
    assert "Permission denied" in elsewhere["error"], "a variant without Dask has no network for it"


def test_without_dask_it_is_said_what_to_do(host: RunningHost) -> None:
    answer = host.execute("dask_client()")

    assert "dask_client: this variant has no distributed: add 'distributed' to the dependencies" in answer["error"]


def test_a_scheduler_that_is_away_is_named(host: RunningHost) -> None:
    code = "import os\nos.environ['QNTX_DASK_SCHEDULER'] = 'tcp://127.0.0.1:1'\ndask_client(timeout='1s')"

    answer = host.execute(code, glyph="py:grid")

    assert "dask_client: the scheduler at tcp://127.0.0.1:1 cannot be reached" in answer["error"]


def test_a_worker_says_what_it_is_missing(grid: Home, home: Home) -> None:
    def run(where: Home, *arguments: str) -> str:
        command = [sys.executable, "-m", "qntx.cli", "worker", *arguments]
        environment = {**os.environ, "QNTX_HOME": str(where.root)}
        done = subprocess.run(command, env=environment, cwd=where.root, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        return done.stderr

    assert "no scheduler: say --scheduler" in run(grid, "grid")
    assert "variant 'nobody' is not built" in run(grid, "nobody", "--scheduler", "tcp://127.0.0.1:1")
    assert "variant 'python' has no dask.distributed" in run(home, "python", "--scheduler", "tcp://127.0.0.1:1")


@contextmanager
def _running(command: list[Any], env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block lasts."""
    process = subprocess.Popen([*map(str, command)], env={**os.environ, **(env or {})})
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(file: Path) -> str:
    """What the scheduler wrote there; empty until it is all there."""
    try:
        return str(json.loads(file.read_text())["address"])
    except (OSError, ValueError):
        return ""


def _until(holds: Callable[[], str], process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while not (value := holds()):
        assert process.poll() is None, "it ended"
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return value
