"""What the file of attestations promises beside the suite: several processes at once, positions that stay whole."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

from qntx.db.migrations import migrate
from qntx.db.sqlite import connect
from qntx.host.store.sqlite import SQLiteStore
from qntx.host.store.sqlite_tables import SCHEMA
from qntx.model.attestation import Draft, Filter

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


async def test_at_rest_the_index_is_merged_while_whoever_attests_is_served(tmp_path: Path) -> None:
    path = tmp_path / "attestations.db"
    async with SQLiteStore(path) as store:
        added = [await store.add(Draft([f"s{number}"], ["p"])) for number in range(40)]
        async with asyncio.timeout(60):
            while pieces(path) > 1:
                await asyncio.sleep(0.2)
        added.append(await store.add(Draft(["last"], ["p"])))

        assert await store.find(Filter(predicates=["P"])) == added[::-1]
        assert await store.find(Filter(subjects=["s7", "last"], predicates=["p"])) == [added[-1], added[7]]


def pieces(path: Path) -> int:
    """How many the index lies in, by FTS5's own table of them."""
    with closing(connect(path)) as connection:
        (count,) = connection.execute("SELECT count(DISTINCT segid) FROM term_idx").fetchone()
    return int(count)


async def test_a_file_of_the_first_schema_is_found_in_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "attestations.db"
    with closing(connect(path)) as connection:
        migrate(connection, SCHEMA[:1])
        row = (1 << 20, 1, "AS-1", 1, '["s"]', '["p"]', "[]", "[]", "", "{}", b"", "")
        connection.execute(f"INSERT INTO attestation VALUES ({', '.join('?' * len(row))})", row)
        connection.execute(
            "INSERT INTO term (rowid, token) VALUES (?, ?)",
            (
                row[0],
                f"s{b's'.hex()} p{b'p'.hex()}",
            ),
        )

    async with SQLiteStore(path) as store:
        added = await store.add(Draft(["t"], ["p"]))

        assert [found.id for found in await store.find(Filter(predicates=["p"]))] == [added.id, "AS-1"]
