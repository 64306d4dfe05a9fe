"""A process that is told to end does, whatever its threads wait for."""

from __future__ import annotations

import subprocess
import sys

WAITS_FOR_EVER = """
import threading
from qntx.host.ending import Ending

ending = Ending()
ending.within(3600)
threading.Thread(target=threading.Event().wait, name="who waits for ever").start()
ending.within(0.1)
ending.within(3600)
"""


def test_a_thread_that_waits_for_ever_is_named_and_left_behind() -> None:
    ended = subprocess.run([sys.executable, "-c", WAITS_FOR_EVER], capture_output=True, text=True, timeout=60)

    assert ended.returncode == 1
    assert "who waits for ever" in ended.stdout + ended.stderr


def test_a_process_that_ends_in_time_ends_as_it_would() -> None:
    prompt = "from qntx.host.ending import Ending; Ending().within(3600)"

    assert subprocess.run([sys.executable, "-c", prompt], timeout=60, check=False).returncode == 0
