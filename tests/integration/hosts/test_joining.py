"""Replicas join in the database through one host, and every host that shares it calls them until they leave."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.host.conftest import RunningHost
from tests.integration.host.replicas import Replicas, told
from tests.processes import Plugin

from qntx.host.home import Home

RUNS = 6
JOINED = '[python]\naddress = "database"\n'
Start = Callable[..., RunningHost]


@pytest.fixture
def start(tmp_path: Path, postgres_url: str) -> Iterator[Start]:
    """Starts a host whose own home has no plugins. Ended before the database is."""
    started: list[RunningHost] = []

    def begin(name: str, config: str) -> RunningHost:
        home = Home(tmp_path / name)
        home.create()
        started.append(RunningHost(home, config, "--database", postgres_url))
        return started[-1]

    yield begin

    for host in started:
        host.close()


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    started = Replicas(tmp_path)
    yield started
    started.end()


def said(host: RunningHost, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `qntx plugin …` of that host's machine says."""
    return subprocess.run(
        [sys.executable, "-m", "qntx.cli", "plugin", *arguments],
        env={**os.environ, "QNTX_HOME": str(host.home.root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def running(host: RunningHost, *addresses: str) -> bool:
    """Whether these are the host's replicas, and all of them serve."""
    replicas = host.plugin("python")["replicas"]
    return {(each["address"], each["state"]) for each in replicas} == {(each, "running") for each in addresses}


def done_by(host: RunningHost, *plugins: Plugin) -> list[int]:
    """How many of some runs each of them did."""
    before = [told(plugin, "executions.finished") for plugin in plugins]
    for n in range(RUNS):
        assert host.execute(f"_result = {n}")["result"] == n
    return [told(plugin, "executions.finished") - count for plugin, count in zip(plugins, before, strict=True)]


@pytest.mark.timeout(180)
def test_a_replica_that_joined_at_one_host_is_called_by_all_until_it_leaves(start: Start, replicas: Replicas) -> None:
    one, two = (start(name, JOINED) for name in ("one", "two"))
    nobody = two.until_state("python", "failed")
    first, second = replicas.start(), replicas.start()

    joined = [said(one, "join", "python", plugin.address) for plugin in (first, second)]
    for host in (one, two):
        host.until(lambda host=host: running(host, first.address, second.address))
        # gRPC's balancing connects by itself, and may come to a replica later than the host's own watch of it.
        host.until(lambda host=host: all(done_by(host, first, second)))
    left = said(two, "leave", "python", first.address)
    for host in (one, two):
        host.until(lambda host=host: running(host, second.address))
    rest = [done_by(host, first, second) for host in (one, two)]
    again = said(one, "leave", "python", first.address)
    said(one, "leave", "python", second.address)
    empty = two.until(lambda: (plugin := two.plugin("python"))["replicas"] == [] and plugin)

    assert "qntx plugin join python HOST:PORT" in nobody["message"]
    assert [each.returncode for each in joined] == [0, 0], joined
    assert f"{first.address}" in joined[1].stdout
    assert f"{second.address}" in joined[1].stdout
    assert (left.returncode, left.stdout) == (0, f"replicas of python: {second.address}\n")
    assert rest == [[0, RUNS], [0, RUNS]]
    assert again.returncode != 0
    assert f"no replica of 'python' has joined at {first.address}" in " ".join(again.stderr.split())
    assert "no replica has joined" in empty["message"]
    for address in ("0.0.0.0:1", "127.0.0.1:0", "nowhere"):
        assert one.http.put(f"/api/plugins/python/replicas/{address}").status_code == 400


def test_nobody_joins_where_the_configuration_says_where_replicas_are(start: Start) -> None:
    host = start("alone", '[python]\naddress = "127.0.0.1:1"\n')

    refused = host.http.put("/api/plugins/python/replicas/127.0.0.1:2")
    unknown = host.http.delete("/api/plugins/pyton/replicas/127.0.0.1:2")

    assert refused.status_code == 400
    assert "here it is attached at 127.0.0.1:1. Set address = " in refused.json()["error"]
    assert (unknown.status_code, "python" in unknown.json()["error"]) == (404, True)
