"""Handlers run by hand, as jobs: their output, their logs, how they fare."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.host.conftest import RunningHost

Qntx = Callable[..., subprocess.CompletedProcess[str]]
Known = Callable[[str], Any]


def test_a_handler_is_run_by_hand_and_its_output_appears(host: RunningHost, qntx: Qntx, known: Known) -> None:
    code = "@handler\ndef f(upstream):\n    print('given', upstream)\n    return {'n': upstream.n}\n"
    qntx("handler", "create", "by-hand", "--code", code)
    host.until(lambda: known("by-hand"))

    ran = qntx("handler", "run", "by-hand", "--payload", '{"n": 5}')

    assert ran.stdout == "given {'n': 5}\n" + '{\n  "n": 5\n}\n'
    assert qntx("handler", "logs", "by-hand").stdout.count("given {'n': 5}") == 1
    assert known("by-hand")["status"] == "ok"


def test_a_failing_handler_says_so_wherever_one_looks(host: RunningHost, qntx: Qntx, known: Known) -> None:
    qntx("handler", "create", "failing", "--code", "print('so far')\n1 / 0\n")
    host.until(lambda: known("failing"))

    ran = qntx("handler", "run", "failing", expect=1)

    assert ran.stdout == "so far\n"
    assert "ZeroDivisionError" in ran.stderr
    assert "failing" in qntx("handler", "list").stdout
    (told,) = json.loads(qntx("handler", "logs", "failing", "--json").stdout)
    assert [line["message"] for line in told["logs"] if line["stage"] == "stdout"] == ["so far"]
    assert known("failing")["status"] == "failing"
    assert "ZeroDivisionError" in host.http.get("/api/python/health").json()["details"]["handler.failing"]


def test_each_version_is_kept_and_the_newest_runs(host: RunningHost, qntx: Qntx, tmp_path: Path, known: Known) -> None:
    (tmp_path / "two.py").write_text("'two'\n")
    qntx("handler", "create", "versioned", "--code", "'one'")
    qntx("handler", "create", "versioned", "--file", str(tmp_path / "two.py"))
    versions = json.loads(qntx("handler", "history", "versioned", "--json").stdout)

    assert [each["attributes"]["code"] for each in versions] == ["'two'\n", "'one'"]
    assert qntx("handler", "show", "versioned").stdout == "'two'\n\n"
    assert qntx("handler", "show", "versioned", "--version", versions[1]["id"]).stdout == "'one'\n"
    host.until(lambda: (each := known("versioned")) and each["attestation_id"] == versions[0]["id"])
    assert qntx("handler", "run", "versioned").stdout == '"two"\n'
