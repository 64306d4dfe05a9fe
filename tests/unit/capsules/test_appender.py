"""What is remembered of a chain between two commits is what is there."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from qntx.capsules import Capsule, CapsuleStorage, ChainConflictError, Seal
from qntx.capsules import capsule as capsules
from qntx.capsules.record import Record


async def append(storage: CapsuleStorage, seal: Seal, *appended: Capsule) -> Sequence[Record]:
    """Each on its own, after the one before is committed."""
    return [await asyncio.wrap_future(storage.append(capsules.draft(capsule), seal)) for capsule in appended]


@pytest_asyncio.fixture
async def storage(tmp_path: Path) -> AsyncIterator[CapsuleStorage]:
    opened = CapsuleStorage(tmp_path / "audit.db", synchronous="normal")
    yield opened
    await opened.close()


async def test_two_that_write_in_turn_each_go_on_behind_the_other(storage: CapsuleStorage, seal: Seal) -> None:
    other = CapsuleStorage(storage.db_path, synchronous="normal")

    records = [record for _ in range(3) for turn in (storage, other) for record in await append(turn, seal, Capsule())]
    await other.close()

    assert [record.sequence for record in records] == list(range(6))
    assert [record.previous_hash for record in records[1:]] == [record.hash for record in records[:-1]]
    assert (await storage.head()).fault == ""


async def test_a_tail_that_is_cut_off_between_two_commits_is_met_at_the_next(
    storage: CapsuleStorage, seal: Seal
) -> None:
    await append(storage, seal, Capsule(), Capsule(), Capsule())
    connection = sqlite3.connect(storage.db_path)
    with connection:
        connection.execute("delete from capsules where sequence = 2")
    connection.close()

    (record,) = await append(storage, seal, Capsule())

    assert record.sequence == 2
    assert (await storage.head()).fault == "the chain once held 3 records and was found with 2"


async def test_what_a_failed_commit_had_begun_is_not_remembered(storage: CapsuleStorage, seal: Seal) -> None:
    twice = Capsule()
    (first,) = await append(storage, seal, twice)
    with pytest.raises(ChainConflictError):
        await append(storage, seal, twice)

    (second,) = await append(storage, seal, Capsule())

    assert (second.sequence, second.previous_hash) == (1, first.hash)
    assert (await storage.head()).size == 2
