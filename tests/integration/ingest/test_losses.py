"""Whatever is killed in the middle of the work, each job ends once, with its result or with the reason why not.

`QNTX_SOAK=1` does it in full: 200 jobs and five kills.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.processes import still_alive

from qntx.host.home import Home

from .conftest import IngestHost, install

SOAK = bool(os.environ.get("QNTX_SOAK"))
JOBS, KILLS = (200, 5) if SOAK else (40, 2)
ENDED = {"completed", "failed", "cancelled"}
CODE = """
import time
from qntx import attest
attest(['job:{n}'], ['begun'], ['losses'])
time.sleep(0.25)
_result = {n}
"""

Start = Callable[[], IngestHost]


@pytest.fixture
def start(home: Home, tmp_path: Path) -> Iterator[Start]:
    """Starts a host of this test's home, again after the one before was killed."""
    own = Home(tmp_path / "home")
    install(own, home, ["python"])
    started: list[IngestHost] = []

    def begin() -> IngestHost:
        started.append(IngestHost(own))
        started[-1].until_state("python", "running")
        return started[-1]

    yield begin

    for host in started:
        host.close()


@pytest.mark.timeout(900 if SOAK else 240)
def test_a_host_that_is_killed_loses_no_job(start: Start) -> None:
    host = start()
    jobs = enqueued(host)

    for number in range(KILLS):
        until_done(host, (number + 1) * JOBS // (KILLS + 1))
        family = host.family()
        host.process.send_signal(signal.SIGKILL)
        host.process.wait()
        assert still_alive(family, within_seconds=10) == []
        host = start()

    check_all_ended(host, jobs)


@pytest.mark.timeout(900 if SOAK else 240)
def test_a_plugin_that_is_killed_loses_no_job(start: Start) -> None:
    host = start()
    jobs = enqueued(host)

    for number in range(KILLS):
        until_done(host, (number + 1) * JOBS // (KILLS + 1))
        kill_plugin(host)

    check_all_ended(host, jobs)


def kill_plugin(host: IngestHost) -> None:
    before = host.plugin("python")["pid"]
    psutil.Process(before).send_signal(signal.SIGKILL)
    host.until(lambda: (now := host.plugin("python"))["pid"] != before and now["state"] == "running")


def enqueued(host: IngestHost) -> dict[str, int]:
    """Job ids and the result that each is to have."""
    return {host.enqueue("python/python.script", {"content": CODE.format(n=n)})["id"]: n for n in range(JOBS)}


def listed(host: IngestHost) -> list[Any]:
    found: list[Any] = host.http.get("/api/pulse/jobs", params={"limit": "1000"}).json()["jobs"]
    return found


def done(host: IngestHost) -> int:
    return sum(job["status"] in ENDED for job in listed(host))


def until_done(host: IngestHost, count: int) -> None:
    host.until(lambda: done(host) >= count, 300)


def check_all_ended(host: IngestHost, jobs: dict[str, int]) -> None:
    until_done(host, JOBS)
    ended = {job["id"]: job for job in listed(host)}
    assert set(ended) == set(jobs)
    for job_id, expected in jobs.items():
        job = ended[job_id]
        if job["status"] == "completed":
            assert (job["result"], job["error"]) == (expected, "")
            finishes = [line for line in host.lines(job_id) if line["stage"] == "summary" and line["level"] == "info"]
            assert len(finishes) == 1
        else:
            assert (job["status"], bool(job["error"])) == ("failed", True)
    again = sum(job["attempts"] > 1 for job in ended.values())
    print(f"{JOBS} jobs, {KILLS} kills: {again} jobs were begun more than once, all ended")
    # What was under way when something was killed did begin again: the kills did hit.
    assert again > 0
