"""Tampering is caught, whatever was tampered with, and honest chains are not accused."""

from __future__ import annotations

import hashlib
import sqlite3
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from qntx.capsules import Capsule, Capsules, Keyring, Level, MemoryStorage, Seal
from qntx.capsules import capsule as capsules_
from qntx.capsules.record import Record
from qntx.capsules.verify import Walk

COUNT = 12
Tamper = Callable[[sqlite3.Connection], object]


async def trail(path: Path, count: int = COUNT) -> Capsules:
    """A chain of that many records in a file, closed so that the test may edit it."""
    capsules = Capsules(path)
    acks = [capsules.chain.submit(Capsule()) for _ in range(count)]
    for ack in acks:
        ack.result()
    await capsules.close()
    return capsules


def edit(path: Path, tamper: Tamper) -> None:
    connection = sqlite3.connect(path)
    with connection:
        tamper(connection)
    connection.close()


def reseal_last(connection: sqlite3.Connection) -> None:
    """Content and hash of the last record together, as somebody without the key can."""
    (data,) = connection.execute("select data from capsules where sequence = ?", (COUNT - 1,)).fetchone()
    forged = data.replace('"agents"', '"forged"')
    connection.execute(
        "update capsules set data = ?, hash = ? where sequence = ?",
        (forged, hashlib.sha3_256(forged.encode()).hexdigest(), COUNT - 1),
    )


def swap(connection: sqlite3.Connection) -> None:
    """Two records change places, their columns made to fit."""
    rows = connection.execute("select id, hash from capsules where sequence in (4, 5) order by sequence").fetchall()
    (before,) = connection.execute("select hash from capsules where sequence = 3").fetchone()
    (first, first_hash), (second, second_hash) = rows
    connection.execute("update capsules set sequence = 99 where id = ?", (first,))
    connection.execute("update capsules set sequence = 4, previous_hash = ? where id = ?", (before, second))
    connection.execute("update capsules set sequence = 5, previous_hash = ? where id = ?", (second_hash, first))
    connection.execute("update capsules set previous_hash = ? where sequence = 6", (first_hash,))


def cut_tail(connection: sqlite3.Connection) -> None:
    connection.execute("delete from capsules where sequence >= 8")


def cut_tail_and_hide_it(connection: sqlite3.Connection) -> None:
    cut_tail(connection)
    connection.execute("delete from qntx_kept")
    connection.execute("delete from qntx_nodes")


TAMPERINGS: dict[str, tuple[Tamper, Level]] = {
    "edited content": (
        lambda c: c.execute("update capsules set data = replace(data, 'agents', 'agentz') where sequence = 5"),
        Level.CONTENT,
    ),
    "edited hash": (
        lambda c: c.execute("update capsules set hash = ? where sequence = 5", ("0" * 64,)),
        Level.STRUCTURAL,
    ),
    "edited last hash": (
        lambda c: c.execute("update capsules set hash = ? where sequence = 11", ("0" * 64,)),
        Level.STRUCTURAL,
    ),
    "forged head": (reseal_last, Level.CONTENT),
    "edited signature": (
        lambda c: c.execute("update capsules set signature = ? where sequence = 5", ("0" * 128,)),
        Level.SIGNATURES,
    ),
    "removed tail": (cut_tail, Level.STRUCTURAL),
    "removed from the middle": (lambda c: c.execute("delete from capsules where sequence = 5"), Level.STRUCTURAL),
    "removed genesis": (lambda c: c.execute("delete from capsules where sequence = 0"), Level.STRUCTURAL),
    "removed everything": (lambda c: c.execute("delete from capsules"), Level.STRUCTURAL),
    "reordered rows": (swap, Level.CONTENT),
    "injected duplicate key": (
        lambda c: c.execute('update capsules set data = \'{"domain":"x",\' || substr(data, 2) where sequence = 5'),
        Level.CONTENT,
    ),
    "injected unknown key": (
        lambda c: c.execute("update capsules set data = '{\"a\":1,' || substr(data, 2) where sequence = 5"),
        Level.CONTENT,
    ),
    "corrupt row": (lambda c: c.execute("update capsules set data = '{' where sequence = 5"), Level.CONTENT),
    "edited type": (lambda c: c.execute("update capsules set type = 'kill' where sequence = 5"), Level.CONTENT),
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_tampering_is_caught(name: str, tmp_path: Path) -> None:
    tamper, level = TAMPERINGS[name]
    capsules = await trail(tmp_path / "audit.db")
    edit(tmp_path / "audit.db", tamper)

    verdict = await capsules.verify(level=level)
    await capsules.close()

    assert not verdict.valid
    assert verdict.error


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_tampering_stays_caught_after_more_is_sealed(name: str, tmp_path: Path) -> None:
    tamper, _ = TAMPERINGS[name]
    capsules = await trail(tmp_path / "audit.db")
    edit(tmp_path / "audit.db", tamper)
    capsules.chain.submit(Capsule()).result()

    verdict = await capsules.verify(level=Level.SIGNATURES)
    await capsules.close()

    assert not verdict.valid


async def test_a_truncated_chain_that_hides_it_is_shown_by_a_checkpoint_kept_elsewhere(tmp_path: Path) -> None:
    capsules = await trail(tmp_path / "audit.db")
    note = await capsules.chain.checkpoint()
    await capsules.close()
    edit(tmp_path / "audit.db", cut_tail_and_hide_it)

    alone = await capsules.verify(level=Level.SIGNATURES)
    held = await capsules.verify(level=Level.SIGNATURES, checkpoint=note)
    await capsules.close()

    assert alone.valid
    assert not held.valid
    assert held.error == "The tail is missing: 8 records are there, 12 by the checkpoint"


async def test_a_rewritten_chain_is_shown_by_a_checkpoint_kept_elsewhere(tmp_path: Path) -> None:
    first = await trail(tmp_path / "first.db")
    note = await first.chain.checkpoint()
    await first.close()
    second = await trail(tmp_path / "second.db", COUNT + 5)

    verdict = await second.verify(checkpoint=note)
    await second.close()

    assert not verdict.valid
    assert "not those of the checkpoint" in (verdict.error or "")


async def test_a_chain_that_grew_since_the_checkpoint_is_valid(tmp_path: Path) -> None:
    capsules = await trail(tmp_path / "audit.db")
    note = await capsules.chain.checkpoint()
    capsules.chain.submit(Capsule()).result()

    verdict = await capsules.verify(level=Level.SIGNATURES, checkpoint=note)
    await capsules.close()

    assert verdict.valid
    assert verdict.capsules_verified == COUNT + 1


@pytest.mark.parametrize("level", Level)
async def test_an_honest_chain_is_valid_at_every_level_again_and_again(tmp_path: Path, level: Level) -> None:
    capsules = await trail(tmp_path / "audit.db", 300)
    verdicts = [await capsules.verify(level=level, incremental=True)]
    capsules.chain.submit(Capsule()).result()
    verdicts.append(await capsules.verify(level=level, incremental=True))
    await capsules.close()

    assert [verdict.error for verdict in verdicts] == [None, None]
    assert [verdict.capsules_verified for verdict in verdicts] == [300, 301]


async def test_an_incremental_verification_reads_only_what_came_since() -> None:
    read: list[int] = []

    class Counting(MemoryStorage):
        async def page(self, after: int, limit: int, tenant_id: str | None = None) -> list[Record]:  # type: ignore[override]
            found = await super().page(after, limit, tenant_id)
            read.extend(record.sequence for record in found)
            return list(found)

    capsules = Capsules(storage=Counting())
    for _ in range(50):
        capsules.chain.submit(Capsule()).result()
    await capsules.chain.verify(incremental=True)
    capsules.chain.submit(Capsule()).result()
    read.clear()

    verdict = await capsules.chain.verify(incremental=True)

    assert verdict.valid
    assert verdict.capsules_verified == 51
    assert read == [50]


async def test_a_forged_mark_of_an_earlier_verification_is_ignored(tmp_path: Path) -> None:
    capsules = await trail(tmp_path / "audit.db")
    await capsules.verify(incremental=True)
    await capsules.close()
    edit(tmp_path / "audit.db", TAMPERINGS["edited content"][0])
    forge = "update qntx_kept set text = replace(text, '{', '{ ') where name like 'verified%'"
    edit(tmp_path / "audit.db", lambda c: c.execute(forge))

    verdict = await capsules.verify(incremental=True)
    await capsules.close()

    assert not verdict.valid


async def test_records_of_a_retired_key_stay_valid(tmp_path: Path, data_directory: Path) -> None:
    capsules = await trail(tmp_path / "audit.db")
    Keyring(data_directory / "keyring.json", data_directory / "key").rotate()
    rotated = Capsules(tmp_path / "audit.db")
    rotated.chain.submit(Capsule()).result()

    verdicts = [await opened.verify(level=Level.SIGNATURES) for opened in (capsules, rotated)]
    await capsules.close()
    await rotated.close()

    assert [verdict.error for verdict in verdicts] == [None, None]


async def test_an_explicit_key_is_the_only_one_trusted(tmp_path: Path) -> None:
    capsules = await trail(tmp_path / "audit.db")

    own = await capsules.verify(public_key=capsules.seal.public_key)
    other = await capsules.verify(public_key=Seal(tmp_path / "other").public_key)
    await capsules.close()

    assert own.valid
    assert own.level is Level.SIGNATURES
    assert not other.valid


def test_a_walk_takes_no_more_memory_for_more_records(seal: Seal) -> None:
    storage = MemoryStorage()
    for _ in range(1_500):
        storage.append(capsules_.draft(Capsule()), seal).result()
    records = storage._chains[None]
    walk = Walk(Level.CONTENT)
    walk.take_all(records[:500])
    tracemalloc.start()

    walk.take_all(records[500:])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 100_000


async def test_one_capsule_is_checked_in_its_place_without_the_chain(tmp_path: Path) -> None:
    capsules = await trail(tmp_path / "audit.db")
    found = list(await capsules.storage.get_all_ordered())
    moved = found[3]

    assert all([await capsules.chain.verify_capsule_in_chain(capsule) for capsule in found])
    moved.sequence = 4
    assert not await capsules.chain.verify_capsule_in_chain(moved)
    await capsules.close()


async def test_proofs_of_every_capsule_hold_against_a_checkpoint(tmp_path: Path) -> None:
    capsules = await trail(tmp_path / "audit.db", 600)
    found = list(await capsules.storage.get_all_ordered())
    root = (await capsules.chain.inclusion(found[0].id)).root

    proofs = [await capsules.chain.inclusion(capsule.id) for capsule in found[::37]]
    earlier = await capsules.chain.inclusion(found[7].id, size=300)
    grown = await capsules.chain.consistency(300)
    await capsules.close()

    assert all(proof.holds(root) for proof in proofs)
    assert earlier.holds(grown.old_root)
    assert grown.holds()
    assert grown.root == root
