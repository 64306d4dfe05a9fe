"""No script gets out, none takes the engine down, and what is not hostile works as if there were no walls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from qntx.engine.api import Settings
from qntx.engine.pool import Pool
from qntx.model.execution import Execution, Limits, Outcome

from .driver import Home
from .must_work import SCRIPTS
from .scripts import ALL, ESCAPES, UNCONTROLLED

DRIVER = Path(__file__).with_name("driver.py")
UNPRIVILEGED = 61000
RUNGS = ("full", "landlock")
KEPT_OUT = {"finished", "raised", "killed", "timed_out", "out_of_memory"}


def python_for_everybody() -> str | None:
    """A Python that a user without privileges can run: this one, unless it lies in somebody's home."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        probe = [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        try:
            if not subprocess.run(probe, **unprivileged(), capture_output=True, check=False).returncode:
                return candidate
        except PermissionError:
            continue
    return None


def unprivileged() -> dict[str, Any]:
    """How to start a process without privileges: as we are, unless we are root."""
    if os.geteuid() != 0:
        return {"cwd": "/"}
    return {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": [], "cwd": "/"}


@cache
def reports(rung: str) -> dict[str, dict[str, Any]]:
    """What every script did on that rung. One driver runs them all."""
    python = python_for_everybody()
    if python is None:
        pytest.skip("no Python >= 3.11 here that a user without privileges can run")
    names = [name for name in ALL if rung != "control" or (name in ESCAPES and name not in UNCONTROLLED)]
    ran = subprocess.run(
        [python, "-B", str(DRIVER), rung, *names], **unprivileged(), capture_output=True, text=True, check=False
    )
    if rung in ran.stderr and "the configuration requires" in ran.stderr:
        pytest.skip(f"this kernel does not offer {rung!r}: {ran.stderr.strip().splitlines()[-1]}")
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 0, ran.stderr
    return {line["name"]: line for line in lines}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("rung", RUNGS)
def test_a_hostile_script_reaches_nothing_and_the_next_run_is_right(rung, name):
    report = reports(rung)[name]

    assert not report["escaped"]
    assert report["damage"] == []
    assert report["outcome"] in KEPT_OUT
    assert report["next_right"]
    assert not report["strays"]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("rung", RUNGS)
def test_no_process_is_left_of_any_of_them(rung):
    assert reports(rung)["leftovers"]["processes"] == 0


@pytest.mark.timeout(240)
@pytest.mark.parametrize("rung", RUNGS)
def test_no_file_is_left_of_any_of_them(rung):
    assert reports(rung)["leftovers"]["files"] == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize("rung", RUNGS)
def test_what_kills_itself_did_not_finish(rung):
    assert reports(rung)["kill oneself"]["outcome"] in ("killed", "out_of_memory")


@pytest.mark.timeout(240)
def test_without_a_sandbox_many_of_the_same_scripts_do_escape():
    escaped = [report["name"] for report in reports("control").values() if report["escaped"] or report["damage"]]

    assert len(escaped) >= 20, escaped


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["full", "landlock", "limits"])
async def engine(request) -> AsyncIterator[Pool]:
    preload = tuple(name for name in ("numpy", "pandas", "scipy.stats", "scipy.optimize", "Bio.Seq") if _is_here(name))
    settings = Settings(
        name="must-work",
        preload=preload,
        sandbox_max=request.param,
        require_sandbox=request.param,
        environment={"MPLBACKEND": "Agg"},
    )
    async with Pool(settings) as opened:
        yield opened


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", SCRIPTS)
async def test_what_is_not_hostile_works(engine, name):
    script = SCRIPTS[name]
    for module in script.needs:
        if not _is_here(module):
            pytest.skip(f"{module} is not installed here")
    if engine.describe()["sandbox"] in script.not_on:
        pytest.skip("this rung cannot offer what it needs")
    limits = Limits(timeout_seconds=30, **script.limits)

    result = await engine.run(Execution(code=script.code, id=name, limits=limits), Home())

    assert (result.outcome, result.error) == (Outcome.FINISHED, "")
    assert json.loads(result.result_json) == script.result


def _is_here(module: str) -> bool:
    return find_spec(module.partition(".")[0]) is not None
