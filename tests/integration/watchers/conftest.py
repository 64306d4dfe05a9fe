"""A host that tests of watchers share, and one of its own for each that ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.host.conftest import RunningHost

from qntx.host.home import Home


def installed(home: Home, root: Path, *names: str) -> Home:
    """A home with the launchers of those variants."""
    own = Home(root)
    own.create()
    for name in names:
        program = home.plugins / f"qntx-{name}-plugin"
        if not program.exists():
            pytest.fail(f"variant {name} is not built in {home.root}: `make test` builds it", pytrace=False)
        (own.plugins / program.name).symlink_to(program)
    return own


@pytest.fixture(scope="module")
def host(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    running = RunningHost(installed(home, tmp_path_factory.mktemp("home"), "bio", "data", "python"))
    for name in ("bio", "data", "python"):
        running.until_state(name, "running")
    yield running
    running.close()


@pytest.fixture
def start_host(home: Home, tmp_path: Path) -> Iterator[Callable[[], RunningHost]]:
    """Starts a host with the python plugin, again and again in the same home."""
    own = installed(home, tmp_path / "home", "python")
    started: list[RunningHost] = []

    def start() -> RunningHost:
        started.append(RunningHost(own))
        return started[-1]

    yield start
    for running in started:
        running.close()
