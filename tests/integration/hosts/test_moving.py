"""A host on one machine, then `qntx migrate`, then the same host on a database: it goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.integration.host.conftest import RunningHost

from qntx.cli.__main__ import main
from qntx.host.home import Home


def attest(host: RunningHost, subject: str) -> str:
    """The id of the capsule of a run that attests."""
    answer = host.execute(f"attest(['{subject}'], ['moved'], ['here'], attributes={{'n': 1}})")
    assert answer["success"], answer["error"]
    return str(answer["capsule_id"])


@pytest.fixture
def start_here(own_home: Home, postgres_url: str) -> Iterator[Callable[[], RunningHost]]:
    """Starts the host of `own_home` as its am.toml has it."""
    started: list[RunningHost] = []

    def start() -> RunningHost:
        config = own_home.config.read_text() if own_home.config.exists() else ""
        started.append(RunningHost(own_home, config, "--plugin", "python"))
        started[-1].until_state("python", "running")
        return started[-1]

    yield start

    for running in started:
        running.close()


def test_a_host_goes_on_in_the_database_where_it_was_in_its_files(
    own_home: Home, start_here: Callable[[], RunningHost], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QNTX_HOME", str(own_home.root))
    before = start_here()
    capsule = attest(before, "before")
    schedule = {"handler_name": "python/python.script", "interval_seconds": 3600, "payload": {"content": "1"}}
    made = before.http.post("/api/pulse/schedules", json=schedule).json()
    (kept,) = before.http.get("/api/attestations", params={"predicates": "moved"}).json()
    before.close()

    assert main(["migrate", "--to", postgres_url]) == 0

    after = start_here()
    attest(after, "after")
    found = after.http.get("/api/attestations", params={"predicates": "moved"}).json()
    schedules = after.http.get("/api/pulse/schedules").json()
    verdict = after.until(lambda: (now := after.http.get("/api/v1/capsules/verify").json())["sealed"] >= 2 and now)
    old = after.http.get(f"/api/v1/capsules/{capsule}")

    assert [one["subjects"] for one in found] == [["after"], ["before"]]
    assert found[1] == kept
    assert made["id"] in str(schedules)
    assert (verdict["valid"], verdict["complete"]) == (True, True)
    assert old.status_code == 200
