"""Runs that nobody asked for, so that those that somebody asks for find everything warm.

In the zygote they import and compile what a run needs, for all workers. In a worker they touch the pages that a run
writes to, which the kernel copies at the first write, while nobody waits yet.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
from collections.abc import Iterable
from functools import partial
from typing import Any

from qntx.worker.frames import RUN, frame
from qntx.worker.line import Line
from qntx.worker.namespace import Namespace
from qntx.worker.run import perform

WARM = (
    "print(end='')\n1 + 1",
    "_result = {'a': [1.5, None, 'x']}",
    "1 / 0",
    "def f(): return 2\n[f() for _ in range(3)]",
)
WARM_ROUNDS = 8
"""As often as Python looks at a line before it has settled how to run it."""
# What scripts commonly do with a library, for those that are loaded. Where a script does it the first time, the
# library imports what it put off, and Python rewrites the code it runs to suit; in the zygote both are done for all.
WARM_LIBRARIES = {
    "numpy": "import numpy as np\na = np.arange(12.0).reshape(3, 4)\n(a @ a.T).mean(), np.sort(np.unique(a)), str(a)",
    "pandas": (
        "import io, pandas as pd\n"
        "f = pd.read_csv(io.StringIO('k,t,n\\na,2026-01-01,1.5\\nb,2026-01-02,\\na,2026-01-03,3'), parse_dates=['t'])\n"
        "g = pd.DataFrame({'k': ['a', 'b'], 'm': [1, 2]})\n"
        "h = f.merge(g, on='k').sort_values('n').groupby('k').agg({'n': 'mean', 'm': 'max'}).reset_index()\n"
        "h['s'] = h.k.str.upper() + h.m.astype(str)\n"
        "f.describe(), f[f.n > 1].dropna(), pd.concat([f, f]).pivot_table(index='k', values='n'), h.to_csv()\nf"
    ),
    "scipy.stats": (
        "from scipy import stats\nstats.ttest_ind([1.0, 2.0, 4.0], [2.0, 3.0, 7.0]), stats.binom.pmf(1, 3, 0.5)"
    ),
    "Bio.SeqIO": (
        "import io\nfrom Bio import SeqIO\n"
        "r = SeqIO.read(io.StringIO('>a b\\nATGCATTAG'), 'fasta')\nr.seq.reverse_complement(), r.seq.count('A'), str(r)"
    ),
}
# Exit functions are each run's own to call, and once; of everybody's, the way there can be rehearsed.
_exit_of_none = partial(logging.shutdown, [])
TOUCH = ("print(end='')\nx = 1 + 1\nx",)


def rehearse_libraries() -> None:
    """What is done with those that are loaded."""
    rehearse([code for name, code in WARM_LIBRARIES.items() if name in sys.modules])


def rehearse(scripts: Iterable[str]) -> None:
    """Run these; what comes of them goes nowhere."""
    for code in scripts:
        here, there = socket.socketpair()
        with here, there:
            there.sendall(frame(RUN, json.dumps(_order(code)).encode()))
            line = Line(here)
            ordered = line.order()
            if ordered is not None:
                perform(json.loads(ordered[1]), line, Namespace(), exit_functions=_exit_of_none)


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
