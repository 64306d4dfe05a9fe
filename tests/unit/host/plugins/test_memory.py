"""Memory of a process and of what it started."""

from __future__ import annotations

import subprocess
import sys

from qntx.host.plugins.memory import Memory, measured

FAMILY = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "held = b'x' * 40_000_000; print('ready', flush=True); input()"],
                         stdin=subprocess.PIPE)
input()
child.kill()
"""


def test_what_a_process_started_counts_too_and_what_is_gone_does_not() -> None:
    family = subprocess.Popen([sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert family.stdout
    assert family.stdout.readline() == "ready\n"

    memory = measured(family.pid)

    family.communicate("\n", timeout=30)
    assert memory.processes == 2
    assert memory.memory_bytes > 40_000_000
    assert measured(family.pid) == Memory()
    assert measured(0) == Memory()
