"""`make demo` shows the main job done, on real data, by the real family."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SHOWN = [
    "INS    333 bases  64.6 % GC  110 amino acids  MALWMRLLPLLALLALWGPD…",
    "HBB    444 bases  56.1 % GC  147 amino acids  MVHLTPEEKSAVTALWGKVN…",
    "HBA1   429 bases  64.8 % GC  142 amino acids  MVLSPADKTNVKAAWGKVGA…",
    "y = 1.00211682 x - 0.26232307",
    "404  no plugin provides glyph 'py:chem'",
    "py:bio has Bio",
    "timed_out after ",
    "and the next run is 42",
    "HBB sequence:translated",
    "norris regression:fitted",
]


def test_the_demo_shows_what_it_promises(launcher: Callable[[str], Path], repository: Path) -> None:
    for name in ("bio", "data", "python"):
        launcher(name)

    done = subprocess.run(
        [sys.executable, "-m", "tests.demo"],
        cwd=repository,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in SHOWN if line not in done.stdout] == []
