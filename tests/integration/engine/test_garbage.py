"""Workers that say anything at all: their run ends, and the next one is right."""

from __future__ import annotations

import asyncio
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qntx.engine.api import Settings
from qntx.engine.pool import Pool
from qntx.model.execution import Execution, Limits, Outcome
from qntx.worker.frames import KINDS, frame

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
PAYLOADS = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())
SAID = st.lists(
    st.builds(frame, st.sampled_from(sorted(KINDS)), PAYLOADS) | st.binary(max_size=40), min_size=1, max_size=5
).map(b"".join)

LIMITS = Limits(timeout_seconds=0.5)
PATIENT = Limits(timeout_seconds=30)


class Home:
    """Has nothing to tell."""

    async def call(self, name, arguments):
        return None

    async def attest(self, drafts):
        return [("AS-X", 1)] * len(drafts)


def test_garbage_from_a_worker_ends_its_run_and_nothing_else():
    with asyncio.Runner() as runner:
        pool = Pool(Settings(name="garbage", running_max=1))
        runner.run(pool.__aenter__())

        def run(code, limits):
            return runner.run(pool.run(Execution(code=code, id="x", limits=limits), Home()))

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(SAID)
        def check(said):
            run(f"import os\nos.write(3, {said!r})\n_result = 1", LIMITS)

            following = run("_result = 2", PATIENT)

            assert (following.outcome, following.result_json) == (Outcome.FINISHED, b"2")

        check()
        runner.run(pool.__aexit__(None, None, None))
