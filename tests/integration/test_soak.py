"""The soak, shortened: `make soak` runs the hour."""

from __future__ import annotations

import pytest
from tests.bench.soak import Soak

SECONDS = 25.0
GROWTH_MIB = 40.0
GROWTH_DESCRIPTORS = 20


@pytest.mark.timeout(180)
async def test_mixed_load_under_faults_loses_nothing_and_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("QNTX_HOME", str(tmp_path))

    table = await Soak(SECONDS, seed=1).run()

    print("\n".join(table.lines()))
    assert table.wrong == []
    assert (table.lost, table.zombies, table.left_over) == ([], [], 0)
    assert table.executions > 50
    assert table.kills["worker"]
    assert table.kills["zygote"]
    assert table.memory_end_mib - table.memory_start_mib < GROWTH_MIB
    assert table.descriptors_end - table.descriptors_start < GROWTH_DESCRIPTORS
