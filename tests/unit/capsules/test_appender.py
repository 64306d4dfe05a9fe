"""What is remembered of a chain between two commits is what is there, and the log is found whole by whoever comes."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from qntx.capsules import Capsule, Capsules, CapsuleStorage, ChainConflictError, Level, Seal
from qntx.capsules import capsule as capsules
from qntx.capsules.record import Record
from qntx.capsules.storage.appender import LOG_BYTES


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


async def test_the_log_is_outgrown_a_few_times_and_not_by_every_record(storage: CapsuleStorage, seal: Seal) -> None:
    log = storage.db_path.with_name("audit.db-wal")
    sizes = set()
    for _ in range(150):
        await append(storage, seal, Capsule())
        sizes.add(log.stat().st_size)

    assert len(sizes) < 20
    assert max(sizes) <= LOG_BYTES


async def test_a_log_that_is_longer_than_what_is_in_it_is_recovered_after_a_crash(
    storage: CapsuleStorage, seal: Seal, tmp_path: Path
) -> None:
    log = tmp_path / "audit.db-wal"
    count = 0
    while count < 20 or not log.read_bytes().endswith(bytes(4096)):
        await append(storage, seal, Capsule())
        count += 1
    for name in ("audit.db", "audit.db-wal"):
        # As the disk is when the power fails; the log's index is not on it.
        shutil.copy(tmp_path / name, tmp_path / f"crashed-{name}")
    crashed = Capsules(tmp_path / "crashed-audit.db", seal=seal)

    await append(crashed.storage, seal, Capsule())  # type: ignore[arg-type]
    verdict = await crashed.verify(level=Level.SIGNATURES)
    await crashed.close()

    assert (verdict.error, verdict.capsules_verified) == (None, count + 1)
