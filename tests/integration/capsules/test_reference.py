"""The protocol's reference library accepts what we write, and we accept what it writes."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from qp_capsule import Capsule as ReferenceCapsule
from qp_capsule.chain import CapsuleChain as ReferenceChain
from qp_capsule.seal import Seal as ReferenceSeal
from qp_capsule.storage import CapsuleStorage as ReferenceStorage
from qp_capsule.storage_pg import PostgresCapsuleStorage as ReferencePostgresStorage

from qntx.capsules import Capsule, Capsules, Level


async def write_ours(path: Path, count: int = 30) -> None:
    capsules = Capsules(path)

    @capsules.audit(type="agent")
    async def work(task: str) -> dict[str, object]:
        return {"task": task, "é": [1, 2.0, None], "line": "a\nb"}

    await asyncio.gather(*(work(f"task {number}") for number in range(count)))
    await capsules.close()


async def write_theirs(path: Path, count: int = 5) -> None:
    storage = ReferenceStorage(path)
    chain = ReferenceChain(storage)
    for _ in range(count):
        capsule = ReferenceCapsule()
        capsule.trigger.request = "Grüße"
        await chain.seal_and_store(capsule, ReferenceSeal())
    await storage.close()


def reference_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from qp_capsule.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, env=os.environ
    )


async def test_the_reference_command_verifies_a_database_that_we_wrote_with_signatures(tmp_path: Path) -> None:
    await write_ours(tmp_path / "ours.db")

    ran = await asyncio.to_thread(
        reference_command, "verify", "--db", str(tmp_path / "ours.db"), "--signatures", "--json"
    )

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) | {"errors": []} == {
        "valid": True, "level": "signatures", "capsules_verified": 30, "total_capsules": 30, "errors": [],
    }  # fmt: skip


async def test_we_verify_a_database_that_the_reference_library_wrote(tmp_path: Path) -> None:
    await write_theirs(tmp_path / "theirs.db")
    capsules = Capsules(tmp_path / "theirs.db")

    verdicts = [await capsules.verify(level=level) for level in Level]
    note = await capsules.chain.checkpoint()
    proof = await capsules.chain.inclusion((await capsules.storage.list())[2].id)
    await capsules.close()

    assert [verdict.error for verdict in verdicts] == [None] * 3
    assert "\n5\n" in note
    assert proof.holds()


async def test_both_write_one_chain_in_turn(tmp_path: Path) -> None:
    for _ in range(3):
        await write_ours(tmp_path / "both.db", 4)
        await write_theirs(tmp_path / "both.db", 2)
    capsules = Capsules(tmp_path / "both.db")

    capsules.chain.submit(Capsule()).result()
    verdict = await capsules.verify(level=Level.SIGNATURES)
    await capsules.close()
    storage = ReferenceStorage(tmp_path / "both.db")
    theirs = await ReferenceChain(storage).verify(seal=ReferenceSeal())
    await storage.close()

    assert (verdict.error, verdict.capsules_verified) == (None, 19)
    assert (theirs.error, theirs.capsules_verified) == (None, 19)


async def test_both_write_one_chain_in_postgresql_in_turn(postgres_url: str) -> None:
    capsules = Capsules(postgres_url)
    theirs = ReferencePostgresStorage(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    for _ in range(3):
        await asyncio.wrap_future(capsules.chain.submit(Capsule()))
        await ReferenceChain(theirs).seal_and_store(ReferenceCapsule(), ReferenceSeal())

    verdict = await capsules.verify(level=Level.SIGNATURES)
    said = await ReferenceChain(theirs).verify(seal=ReferenceSeal())
    await theirs.close()
    await capsules.close()

    assert (verdict.error, verdict.capsules_verified) == (None, 6)
    assert (said.error, said.capsules_verified) == (None, 6)


async def test_a_duplicate_key_in_what_the_reference_library_wrote_is_caught(tmp_path: Path) -> None:
    await write_theirs(tmp_path / "theirs.db")
    storage = Capsules(tmp_path / "theirs.db")
    await storage.storage.count()
    await storage.close()
    await asyncio.to_thread(inject_duplicate, tmp_path / "theirs.db")

    verdict = await storage.verify()
    await storage.close()

    assert not verdict.valid
    assert "occurs twice" in (verdict.error or "")


def inject_duplicate(path: Path) -> None:

    connection = sqlite3.connect(path)
    with connection:
        connection.execute('update capsules set data = \'{"domain": "x", \' || substr(data, 2) where sequence = 3')
    connection.close()
