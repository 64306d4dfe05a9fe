"""Replicas: what attaching costs a run, and whether scripts that compute scale with processes of a core each."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.measure import Row, row
from tests.demo.family import Family, running
from tests.processes import Plugin, free_port

from qntx.host.home import Home

COMPUTING = "sum(number * number for number in range(1_500_000))"
RUNS = 40
CALLERS = 8
ROUNDS = 3
SINGLE_RUNS = 150


def rows() -> Iterator[Row]:
    with ExitStack() as stack:
        one, two = (stack.enter_context(_family(count)) for count in (1, 2))
        started = stack.enter_context(_family(0))
        waits: dict[str, list[float]] = {"1 + 1, started by the host": [], "1 + 1, attached": []}
        for number in range(SINGLE_RUNS + 5):
            for name, family in zip(waits, (started, one), strict=True):
                before = time.perf_counter()
                _run(family, "1 + 1")
                if number >= 5:
                    waits[name].append((time.perf_counter() - before) * 1000)
        yield row("1 + 1, started by the host", waits["1 + 1, started by the host"], "ms")
        yield row("1 + 1, attached", waits["1 + 1, attached"], "ms", to="1 + 1, started by the host")
        rates: dict[str, list[float]] = {"computing, one replica": [], "computing, two replicas": []}
        for _ in range(ROUNDS):
            for name, family in zip(rates, (one, two), strict=True):
                rates[name].append(_rate(family))
        note = f"{CALLERS} callers, {RUNS} runs of about 100 ms; medians of {ROUNDS}"
        yield Row("computing, one replica", statistics.median(rates["computing, one replica"]), "runs/s", note=note)
        two_rate = statistics.median(rates["computing, two replicas"])
        yield Row("computing, two replicas", two_rate, "runs/s", to="computing, one replica")


def _rate(family: Family) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(lambda _: _run(family, COMPUTING), range(RUNS)))
    return RUNS / (time.perf_counter() - started)


def _run(family: Family, content: str) -> None:
    answer = family.http.post("/api/python/execute", json={"content": content})
    assert answer.json()["success"], answer.text


@contextmanager
def _family(count: int) -> Iterator[Family]:
    """A host with so many replicas of python, or with one that it started itself."""
    folder = Path(tempfile.mkdtemp(prefix="qntx-bench-"))
    # A host that runs as root runs its scripts as nobody.
    folder.chmod(0o755)
    launcher = Home.find().plugins / "qntx-python-plugin"
    own = Home(folder / "home")
    own.create()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        replicas = [
            Plugin([launcher, "--address", f"127.0.0.1:{free_port()}"], {"QNTX_HOME": str(folder / str(number))})
            for number in range(count)
        ]
        for replica in replicas:
            stack.callback(replica.stop)
            replica.wait_for_port()
        if not count:
            (own.plugins / launcher.name).symlink_to(launcher)
        address = [replica.address for replica in replicas]
        own.config.write_text("[python]\nmax_workers = 1\n" + (f"address = {address}\n" if address else ""))
        family = stack.enter_context(running(own, folder / "host.log", ("python",)))
        deadline = time.monotonic() + 60
        while [each["state"] for each in _plugin(family)["replicas"]] != ["running"] * count:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield family


def _plugin(family: Family) -> dict[str, list[dict[str, str]]]:
    plugin: dict[str, list[dict[str, str]]] = family.http.get("/api/plugins/python").json()
    return plugin
