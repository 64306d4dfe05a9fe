"""For authors of handlers: run a script in a plain pytest, against a host that lives in memory.

    from qntx.testing import run_script

    def test_counts_the_bases():
        ran = run_script(CODE, upstream={"subjects": ["s1"], "attributes": {"sequence": "ATG"}})

        assert ran.attestations[0]["attributes"] == {"length": 3}

What the script raises is raised here, so pytest shows it with its lines. Nothing is limited or kept out: the sandbox is
the plugin's, not the script's.
"""

from __future__ import annotations

from qntx.testing.host import FakeHost, Page
from qntx.testing.running import Ran, run_script, running

__all__ = ["FakeHost", "Page", "Ran", "run_script", "running"]
