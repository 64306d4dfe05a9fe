"""A host with the three variants, and the qntx command beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.integration.host.conftest import RunningHost

from qntx.host.home import Home

VARIANTS = ("bio", "data", "python")
Qntx = Callable[..., subprocess.CompletedProcess[str]]


class IngestHost(RunningHost):
    """A host, and the calls on it that are about ingestion."""

    def publish(self, name: str, code: str, **fields: Any) -> Any:
        answer = self.http.post("/api/scripts/publish", json={"name": name, "code": code, **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def ix(self, **body: Any) -> Any:
        answer = self.http.post("/api/ix", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def enqueue(self, handler_name: str, payload: Any, **fields: Any) -> Any:
        body = {"handler_name": handler_name, "payload": payload, **fields}
        answer = self.http.post("/api/pulse/jobs", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def job(self, job_id: str) -> Any:
        return self.http.get(f"/api/pulse/jobs/{job_id}").json()

    def lines(self, job_id: str) -> Any:
        return self.http.get(f"/api/pulse/jobs/{job_id}/logs").json()

    def ended(self, job_id: str, timeout_seconds: float = 60.0) -> Any:
        """The job when it has ended, however."""
        over = ("completed", "failed", "cancelled")
        return self.until(lambda: (job := self.job(job_id))["status"] in over and job, timeout_seconds)

    def ingested(self, **body: Any) -> Any:
        """The result of an ingestion that went well."""
        job = self.ended(self.ix(**body)["id"])
        assert job["status"] == "completed", job["error"]
        return job["result"]

    def attestations(self, **question: str) -> Any:
        return self.http.get("/api/attestations", params={"limit": "1000", **question}).json()

    def has_all_running(self) -> bool:
        return all(self.plugin(name)["state"] == "running" for name in VARIANTS)


def install(own: Home, built: Home, names: Sequence[str] = VARIANTS) -> None:
    """The launchers of the built variants, in a home of the test's own."""
    own.create()
    for name in names:
        launcher = built.plugins / f"qntx-{name}-plugin"
        if not launcher.exists():
            pytest.fail(f"variant {name} is not built in {built.root}: `make test` builds it", pytrace=False)
        (own.plugins / launcher.name).symlink_to(launcher)


@pytest.fixture(scope="module")
def host(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngestHost]:
    """A host of its own home, which the tests of a module share."""
    own = Home(tmp_path_factory.mktemp("home"))
    install(own, home)
    running = IngestHost(own)
    running.until(running.has_all_running)
    yield running
    running.close()


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that others can read: a host that runs as root runs its scripts as nobody."""
    path = Path(tempfile.mkdtemp(prefix="qntx-ingest-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as path:
        yield path


@pytest.fixture
def qntx(host: IngestHost) -> Qntx:
    """Runs `qntx …` beside the host, in a terminal of that width."""

    def run(*arguments: str, expect: int = 0, columns: int = 80, cwd: Path | None = None) -> Any:
        command = [sys.executable, "-m", "qntx.cli", *arguments]
        env = {**os.environ, "QNTX_HOME": str(host.home.root), "COLUMNS": str(columns)}
        done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    return run


def told(done: subprocess.CompletedProcess[str]) -> Any:
    """The JSON that a command printed."""
    return json.loads(done.stdout)
