"""What the file of attestations promises beside the suite: several processes at once, positions that stay whole."""

from __future__ import annotations

from pathlib import Path

from qntx.host.store.sqlite import SQLiteStore
from qntx.model.attestation import Draft

NOON_MS = 1_800_000_000_000


async def test_two_that_write_the_same_file_in_the_same_millisecond_take_nothing_from_each_other(
    tmp_path: Path,
) -> None:
    path = tmp_path / "attestations.db"
    async with SQLiteStore(path, now_ms=lambda: NOON_MS) as one, SQLiteStore(path, now_ms=lambda: NOON_MS) as other:
        added = []
        for turn in range(4):
            for store in (one, other):
                added += await store.add_many([Draft([f"s{turn}"], ["p"], ["c"])] * 3)

        arrived = await one.after(0, limit=1000)

    assert [position for position, _ in arrived] == list(range(1, 25))
    assert [attestation for _, attestation in arrived] == added
