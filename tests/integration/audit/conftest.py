"""An audit trail as an auditor reads it, and real plugins and hosts that write it, run from this checkout."""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.conformance.core import Core, Started
from tests.integration.host.conftest import RunningHost
from tests.processes import still_alive

from qntx.capsules import Capsules, ChainVerificationResult, Level, Seal
from qntx.host.home import Home
from qntx.protocol import domain_pb2

MANIFEST = Path(__file__).parents[3] / "variants" / "python" / "plugin.toml"
COMMAND = (sys.executable, "-IB", "-m", "qntx.plugin", "--name", "python", "--manifest", str(MANIFEST))
DOMAIN = domain_pb2.DESCRIPTOR.services_by_name["DomainPluginService"]
PATIENCE_SECONDS = 30.0


class Trail:
    """The capsules of a home, whoever is writing them."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def verdict(self) -> ChainVerificationResult:
        return asyncio.run(self._ask(lambda capsules: capsules.verify(level=Level.SIGNATURES)))

    def records(self) -> list[dict[str, Any]]:
        """Every record, first to last."""
        found = asyncio.run(self._ask(lambda capsules: capsules.storage.get_all_ordered()))
        return [capsule.to_dict() for capsule in found]

    def of(self, count: int) -> list[dict[str, Any]]:
        """The records, once there are that many: none is missing, and none is there twice."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.verdict()).running or found.capsules_verified < count:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        assert (found.valid, found.complete, found.error, found.incomplete) == (True, True, None, None)
        assert (found.capsules_verified, found.started, found.sealed) == (count, count, count)
        return self.records()

    async def _ask(self, work: Callable[[Capsules], Any]) -> Any:
        capsules = Capsules(self._home.capsules, seal=Seal(self._home.keys / "key"))
        try:
            return await work(capsules)
        finally:
            await capsules.close()


@pytest.fixture
def audited_home(tmp_path: Path) -> Home:
    return made(tmp_path / "home")


def made(root: Path) -> Home:
    """A home with the plain plugin."""
    home = Home(root)
    home.create()
    launcher = home.plugins / "qntx-python-plugin"
    launcher.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    launcher.chmod(0o755)
    return home


@pytest.fixture(scope="module")
def busy_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """A host that a module's tests share, none of which harms it."""
    running = RunningHost(made(tmp_path_factory.mktemp("busy") / "home"))
    running.until_state("python", "running")
    yield running
    running.close()


@pytest.fixture
def trail(audited_home: Home) -> Trail:
    return Trail(audited_home)


@pytest_asyncio.fixture
async def start(audited_home: Home, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Any]]:
    """Starts a plugin under a core that says nothing of an audit trail. Nothing of it may be left."""
    monkeypatch.setenv("QNTX_HOME", str(audited_home.root))
    started: list[Started] = []
    async with Core() as core:

        async def start() -> Started:
            plugin = await Started(COMMAND, "python").start()
            started.append(plugin)
            await plugin.stub(DOMAIN).Initialize(core.initialize_request(), timeout=30)
            return plugin

        yield start

        families = [process for plugin in started for process in plugin.family()]
        for plugin in started:
            await plugin.stop()
        assert still_alive(families) == []


@pytest.fixture
def start_host(audited_home: Home) -> Iterator[Callable[[], RunningHost]]:
    """Starts a host of the home; ended with the test, and nothing of it may be left."""
    started: list[RunningHost] = []

    def start() -> RunningHost:
        started.append(RunningHost(audited_home))
        started[-1].until_state("python", "running")
        return started[-1]

    yield start

    for running in started:
        running.close()
