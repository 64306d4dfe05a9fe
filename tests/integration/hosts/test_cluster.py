"""Machines that are network namespaces: killed, cut off and restarted while they work, they break no promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cluster.network import MISSING, possible
from tests.postgres import MISSING as NO_POSTGRES
from tests.postgres import programs

REPOSITORY = Path(__file__).parents[3]


@pytest.mark.alone
@pytest.mark.timeout(320)
@pytest.mark.skipif(not possible(), reason=MISSING)
@pytest.mark.skipif(programs() is None, reason=NO_POSTGRES)
def test_what_a_cluster_acknowledged_it_keeps_whatever_happens_to_its_machines() -> None:
    command = [sys.executable, "-m", "tests.cluster", "--hosts", "2", "--jobs", "300", "--attestations", "300"]

    done = subprocess.run(
        [*command, "--fault-every", "2", "--faults", "2"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "is killed" in done.stdout
    assert "is cut off" in done.stdout
