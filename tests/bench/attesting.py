"""Attestations from a script, through a plugin, into a host's signed store; and how fast one watcher fires for them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.measure import Row
from tests.integration.host.conftest import RunningHost

from qntx.host.home import Home

COUNT = 20_000
ONE_BY_ONE = 500
FIRED = 200

LOOP = f"""\
import time
started = time.perf_counter()
for n in range({COUNT}):
    attest([f"S{{n}}"], ["bench:loop"], ["bench"], attributes={{"n": n}})
{COUNT} / (time.perf_counter() - started)"""
MANY = f"""\
import time
rows = [dict(subjects=[f"S{{n}}"], predicates=["bench:many"], contexts=["bench"]) for n in range({COUNT})]
started = time.perf_counter()
attest_many(rows)
{COUNT} / (time.perf_counter() - started)"""
WAITING = f"""\
import time
started = time.perf_counter()
for n in range({ONE_BY_ONE}):
    attest([f"S{{n}}"], ["bench:waiting"], ["bench"])["id"]
{ONE_BY_ONE} / (time.perf_counter() - started)"""
FIRING = f"for n in range({FIRED}): attest([f'S{{n}}'], ['bench:fire'], ['bench'])\n0"


def rows() -> Iterator[Row]:
    with TemporaryDirectory(prefix="bench-attesting-") as folder:
        host = _host(Path(folder))
        try:
            yield from _attested(host)
            yield _fired(host)
        finally:
            host.close()


def _attested(host: RunningHost) -> Iterator[Row]:
    began = time.perf_counter()
    returned = _run(host, LOOP)
    stored = COUNT / (time.perf_counter() - began)
    yield Row("attest() in a loop", returned, "/s", note="until it returns")
    yield Row("the same, until all are stored", stored, "/s", note="the whole run, over HTTP")
    yield Row("attest_many()", _run(host, MANY), "/s", note="until all are stored")
    yield Row("attest(), each id waited for", _run(host, WAITING), "/s", note="a commit each")


def _fired(host: RunningHost) -> Row:
    watcher = {
        "id": "bench",
        "name": "bench",
        "action_type": "python",
        "action_data": "upstream.subjects[0]",
        "predicates": ["bench:fire"],
        "max_fires_per_second": 100_000,
    }
    host.http.post("/api/watchers", json=watcher).raise_for_status()
    began = time.perf_counter()
    _run(host, FIRING)
    host.until(lambda: host.http.get("/api/watchers/bench").json()["fire_count"] == FIRED)
    return Row("one watcher fires", FIRED / (time.perf_counter() - began), "/s", note="a fresh sealed run each")


def _run(host: RunningHost, code: str) -> float:
    answer = host.http.post("/api/python/execute", json={"content": code, "timeout_secs": 120}).json()
    assert answer["success"], answer["error"]
    return float(answer["result"])


def _host(folder: Path) -> RunningHost:
    own = Home(folder / "home")
    own.create()
    built = Home(Path(os.environ["QNTX_HOME"]))
    (own.plugins / "qntx-python-plugin").symlink_to(built.plugins / "qntx-python-plugin")
    host = RunningHost(own)
    host.until_state("python", "running")
    return host
