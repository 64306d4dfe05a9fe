"""Real hosts that share one PostgreSQL: `qntx up` as processes of their own, each over a home of its own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.integration.host.conftest import RunningHost
from tests.postgres import PostgresServer

from qntx.host.home import Home

ENDED = {"completed", "failed", "cancelled"}


class SharingHost(RunningHost):
    """One of several."""

    def __init__(self, home: Home, database: str, *plugins: str) -> None:
        chosen = [argument for name in plugins for argument in ("--plugin", name)]
        super().__init__(home, "", "--database", database, *chosen)
        for name in plugins:
            self.until_state(name, "running")

    def enqueue(self, content: str, **fields: Any) -> str:
        """A job of plain Python; its id."""
        body = {"handler_name": "python/python.script", "payload": {"content": content}, **fields}
        answer = self.http.post("/api/pulse/jobs", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> Any:
        return self.http.get(f"/api/pulse/jobs/{job_id}").json()

    def jobs(self, **question: str) -> list[Any]:
        found: list[Any] = self.http.get("/api/pulse/jobs", params={"limit": "1000", **question}).json()["jobs"]
        return found

    def attestations(self, **question: str) -> list[Any]:
        found: list[Any] = self.http.get("/api/attestations", params={"limit": "10000", **question}).json()
        return found

    def ended(self, job_id: str, timeout_seconds: float = 60) -> Any:
        return self.until(lambda: (job := self.job(job_id))["status"] in ENDED and job, timeout_seconds)

    def kill(self) -> None:
        """As the machine's end would."""
        family = self.family()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.http.close()
        for process in family:
            if process.is_running():
                process.kill()

    def close(self) -> None:
        if self.process.poll() is None:
            super().close()
        self.http.close()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.http.close()
        return super().end(number)


Start = Callable[..., SharingHost]


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """What the hosts of a module share."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="module")
def homes(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Home]:
    """A machine's home, by the machine's name, with all variants."""

    def made(name: str) -> Home:
        own = Home(tmp_path_factory.getbasetemp() / "machines" / name)
        if not own.plugins.exists():
            own.root.parent.mkdir(exist_ok=True)
            own.create()
            for variant in ("bio", "python"):
                program = home.plugins / f"qntx-{variant}-plugin"
                if not program.exists():
                    pytest.fail(f"variant {variant} is not built in {home.root}: `make test` builds it", pytrace=False)
                (own.plugins / program.name).symlink_to(program)
        return own

    return made


@pytest.fixture(scope="module")
def start(homes: Callable[[str], Home], database: str) -> Iterator[Start]:
    """Starts the host of a machine, again after it ended."""
    running: dict[str, SharingHost] = {}

    def begin(name: str, *plugins: str) -> SharingHost:
        known = running.get(name)
        if known is None or known.process.poll() is not None:
            running[name] = SharingHost(homes(name), database, *(plugins or ("python",)))
        return running[name]

    yield begin

    for host in running.values():
        host.close()
