"""What a job asks for, before anything of it runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.plugin.engines import ScriptedEngine

from qntx.errors import Refused
from qntx.model.execution import Execution, Limits, Result
from qntx.model.variant import parse
from qntx.plugin.audit import Audit, Place
from qntx.plugin.executor import Executor
from qntx.plugin.jobs import TIMEOUT_SECONDS, Jobs
from qntx.plugin.metrics import Metrics

BIO = parse("bio", "", "plugin.toml")


class Known:
    """Handlers of which each name is one."""

    async def reload(self) -> int:
        return 1

    def execution(self, trigger: str, payload: object, execution_id: str, limits: Limits) -> Execution:
        return Execution("1", execution_id, limits=limits, handler=trigger, upstream=payload)

    def ended(self, execution: Execution, result: Result) -> None:
        return


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    audit = Audit(BIO, Place(tmp_path / "capsules.db"))
    return Jobs(Executor(BIO, ScriptedEngine, Metrics("bio"), audit), Known())


@pytest.mark.parametrize(("handler", "payload"), [("bio.count", b""), ("bio.script", b'{"content": "1"}')])
def test_a_job_that_names_no_timeout_has_the_one_for_jobs(jobs: Jobs, handler: str, payload: bytes) -> None:
    """A watcher's call bears none, and has no deadline of its own."""
    assert TIMEOUT_SECONDS == 300
    assert jobs.execution(handler, payload, 0, "PX-1").limits.timeout_seconds == TIMEOUT_SECONDS
    assert jobs.execution(handler, payload, 7.5, "PX-1").limits.timeout_seconds == 7.5


@pytest.mark.parametrize("payload", [b"{", b"[" * 100_000, b"\xff"])
def test_a_payload_that_is_no_json_is_refused_in_pyres_words(jobs: Jobs, payload: bytes) -> None:
    with pytest.raises(Refused, match="watcher payload is not valid JSON: "):
        jobs.execution("bio.count", payload, 0, "PX-1")
    with pytest.raises(Refused, match="Invalid payload JSON: "):
        jobs.execution("bio.script", payload, 0, "PX-1")
