"""Runs that nobody asked for, so that those that somebody asks for find everything warm.

In the zygote they import and compile what a run needs, for all workers. In a worker they touch the pages that a run
writes to, which the kernel copies at the first write, while nobody waits yet.
"""

from __future__ import annotations

import socket
from typing import Any

from qntx.worker.line import Line
from qntx.worker.namespace import Namespace
from qntx.worker.run import perform

WARM = (
    "print(end='')\n1 + 1",
    "_result = {'a': [1.5, None, 'x']}",
    "1 / 0",
    "def f(): return 2\n[f() for _ in range(3)]",
)
TOUCH = ("print(end='')\nx = 1 + 1\nx",) * 2


def rehearse(scripts: tuple[str, ...]) -> None:
    """Run these; what comes of them goes nowhere."""
    for code in scripts:
        here, nowhere = socket.socketpair()
        with here, nowhere:
            perform(_order(code), Line(here), Namespace(), last=False)


def _order(code: str) -> dict[str, Any]:
    return {
        "code": code,
        "filename": "<rehearsal>",
        "mode": "execute",
        "glyph_id": "",
        "handler": "",
        "upstream": None,
        "call": "",
        "call_with": [],
        "capture_variables": False,
    }
