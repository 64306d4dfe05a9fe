"""A record that the storage would not take is tried again when it takes another, by the process that lives."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from qntx.capsules import Capsule, Capsules, Level, Recorder, Seal
from qntx.errors import StorageError


async def test_a_record_that_could_not_be_kept_is_kept_when_the_storage_is_back(tmp_path: Path) -> None:
    capsules = Capsules(tmp_path / "audit.db", seal=Seal(tmp_path / "key"))
    recorder = Recorder(capsules)
    recorder.begin(Capsule()).finish("success").result()
    with sqlite3.connect(tmp_path / "audit.db") as connection:
        connection.execute("alter table capsules rename to away")
    run = recorder.begin(Capsule())
    with pytest.raises(StorageError, match="no such table"):
        run.finish("success").result()

    with sqlite3.connect(tmp_path / "audit.db") as connection:
        connection.execute("alter table away rename to capsules")
    recorder.begin(Capsule()).finish("success").result()
    recorder.close()
    await capsules.close()

    verdict = await capsules.verify(level=Level.SIGNATURES)
    assert (verdict.complete, verdict.capsules_verified, verdict.running) == (True, 3, 0)
    await capsules.close()
