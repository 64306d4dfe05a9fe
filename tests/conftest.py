"""What tests of every kind may ask for: the built variants, a plugin's process, a home of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.postgres import MISSING, PostgresServer, programs, server_of_the_run
from tests.processes import Plugin, free_port, still_alive

from qntx.host.home import Home

REPOSITORY = Path(__file__).parents[1]

# Before any test runs: nothing here may read or write a person's own ~/.qntx.
os.environ["QNTX_HOME"] = os.environ.get("QNTX_HOME") or str(REPOSITORY / "build" / "home")

# What Hypothesis makes up is the same in each run, and may take its time: chance and a busy machine decide nothing.
# --hypothesis-profile=search makes up something else.
settings.register_profile("search", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("suite", settings.get_profile("search"), derandomize=True)
settings.load_profile("suite")

SLOW_FIRST = ("integration", "conformance", "unit", "architecture")
"""Folders by how long their modules take: one that begins last keeps one processor busy, and the others idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(REPOSITORY / "tests").parts[0]
    return SLOW_FIRST.index(folder) if folder in SLOW_FIRST else 0


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def home() -> Home:
    """The home whose variants are built: `make test` builds them in build/home, as does
    `QNTX_HOME=build/home qntx variant sync`. Its launchers are for all tests; data goes to own_home."""
    return Home.find()


@pytest.fixture
def own_home(home: Home, tmp_path: Path) -> Home:
    """A home that is this test's alone, with the launchers of the built variants."""
    own = Home(tmp_path / "home")
    own.create()
    for launcher in home.plugins.iterdir():
        (own.plugins / launcher.name).symlink_to(launcher)
    return own


@pytest.fixture(scope="session")
def launcher(home: Home) -> Callable[[str], Path]:
    """The program of a variant, by the variant's name."""

    def find(name: str) -> Path:
        program = home.plugins / f"qntx-{name}-plugin"
        if not program.exists():
            pytest.fail(f"variant {name} is not built in {home.root}: `make test` builds it", pytrace=False)
        return program

    return find


@pytest.fixture
def start_plugin(launcher: Callable[[str], Path]) -> Iterator[Callable[..., Plugin]]:
    """Starts a variant's plugin, `start_plugin("bio", "--log-level", "debug")`, and returns it once it has announced
    its port. At the end of the test it is stopped, and nothing of it may be left."""
    started: list[Plugin] = []

    def start(name: str, *arguments: str) -> Plugin:
        plugin = Plugin([launcher(name), "--port", str(free_port()), *arguments])
        started.append(plugin)
        plugin.wait_for_port()
        return plugin

    yield start

    families = [process for plugin in started for process in plugin.family()]
    for plugin in started:
        plugin.stop()
    assert still_alive(families) == []


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server that all processes of this run share."""
    if programs() is None:
        pytest.skip(MISSING)
    with server_of_the_run(os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database that is this test's alone."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server that is this test's alone, to be stopped and started again."""
    if programs() is None:
        pytest.skip(MISSING)
    server = PostgresServer.make()
    server.start()
    yield server
    server.stop()
    server.remove()
