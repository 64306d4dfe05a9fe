"""What the zygote made counts no references: in an interpreter of its own, since it cannot be undone."""

from __future__ import annotations

import json
import subprocess
import sys

_PROBE = """
import gc, json, sys
from qntx.worker.immortal import immortalize

def older(): return "a constant of it"
objects = [older, older.__code__, older.__code__.co_consts, json]
immortalize()
gc.freeze()
before = [sys.getrefcount(each) for each in objects]
more = objects * 3
after = [sys.getrefcount(each) for each in objects]
younger = object()
before_younger = sys.getrefcount(younger)
more_of_it = [younger] * 3
gc.collect()
print(json.dumps([before == after, sys.getrefcount(younger) - before_younger, older()]))
"""


def test_looking_at_what_was_there_writes_nothing_and_what_comes_later_is_counted():
    ran = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    still, counted, answered = json.loads(ran.stdout)
    # Before 3.12 no object can be made so, and none is.
    assert still == (sys.version_info >= (3, 12))
    assert (counted, answered) == (3, "a constant of it")
