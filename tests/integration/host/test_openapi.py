"""Whatever its OpenAPI document allows, and what it does not: the host answers, and never with a failure of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("schemathesis")
WITHOUT_END = "events|logs|stream"
"""Paths whose answers go on for as long as they are read."""
DISTURBING = "restart"


@pytest.mark.timeout(180)
def test_no_request_that_can_be_made_up_is_a_failure_of_the_host(start_host, bare_home, launcher, tmp_path):
    (bare_home.plugins / "qntx-python-plugin").symlink_to(launcher("python"))
    host = start_host()
    host.until_state("python", "running")

    made_up = subprocess.run(
        [
            PROGRAM,
            "run",
            f"{host.url}/openapi.json",
            "--checks",
            "not_a_server_error",
            "--phases",
            "fuzzing",
            "--max-examples",
            "3",
            "--request-timeout",
            "20",
            "--seed",
            "1",
            # One of them is a matter of how busy the machine is.
            "--suppress-health-check",
            "all",
            "--no-color",
            "--exclude-path-regex",
            f"{WITHOUT_END}|{DISTURBING}",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert made_up.returncode == 0, made_up.stdout[-4000:]
    assert host.execute("6 * 7")["result"] == 42
