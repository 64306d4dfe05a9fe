"""Whatever becomes of a database's rows and bytes, verification says so in words, and never that all is well."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.unit.capsules.conftest import lay_out_as_reference

from qntx.capsules import Capsule, Capsules, ChainVerificationResult, Level, Recorder, Seal
from qntx.capsules.storage.sqlite import CapsuleStorage
from qntx.errors import CapsuleError, NotFound, StorageError

COUNT = 6
COVERED = ("id", "type", "sequence", "previous_hash", "data", "hash", "signature")
"""Columns whose change must be noticed. The others are covered by no seal, and the documentation says so."""
TABLES = {
    "capsules": (*COVERED, "signature_pq", "signed_at", "signed_by", "session_id"),
    "qntx_kept": ("name", "text"),
    "qntx_nodes": ("level", "position", "hash"),
}
ROWS = {"capsules": "sequence = ?", "qntx_kept": "? >= 0", "qntx_nodes": "position = ?"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
VALUES = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=70)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=140)
    | JSON.map(json.dumps)
)
PLACES = st.sampled_from([(table, column) for table, columns in TABLES.items() for column in columns])
FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def make(path: Path) -> tuple[bytes, Path]:
    """A database of records, some of them of runs, and the key they are sealed with."""
    key = path.with_name("key")
    capsules = Capsules(path, seal=Seal(key))
    recorder = Recorder(capsules)
    for _ in range(COUNT // 2):
        capsules.chain.submit(Capsule()).result()
        recorder.begin(Capsule()).finish("success").result()
    recorder.close()
    asyncio.run(capsules.close())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        connection.execute("pragma journal_mode=delete")
    return path.read_bytes(), key


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Path]:
    return make(tmp_path_factory.mktemp("made") / "audit.db")


@pytest.fixture(scope="module")
def made_as_reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Path]:
    """The same in the reference library's layout, which lets anything stand where a sequence should."""
    return make(lay_out_as_reference(tmp_path_factory.mktemp("reference") / "audit.db"))


class Copy:
    """The database once more, to be changed and verified."""

    def __init__(self, folder: Path, data: bytes, key: Path) -> None:
        self.path = folder / f"{os.urandom(8).hex()}.db"
        self.path.write_bytes(data)
        self._key = key

    def change(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            for sql, values in statements:
                connection.execute(sql, values)
            connection.commit()

    def rows(self) -> Any:
        """What verification vouches for, each document by what it says."""
        with closing(sqlite3.connect(self.path)) as connection:
            found = connection.execute(f"select {','.join(COVERED)} from capsules order by sequence").fetchall()
        return [
            [_document(value) if name == "data" else value for name, value in zip(COVERED, row, strict=True)]
            for row in found
        ]

    def verdict(self, level: Level = Level.SIGNATURES) -> ChainVerificationResult:
        async def verify() -> ChainVerificationResult:
            capsules = Capsules(self.path, seal=Seal(self._key))
            try:
                return await capsules.chain.verify(level=level)
            finally:
                await capsules.close()

        return asyncio.run(verify())

    def use(self) -> None:
        """All else that is done with a chain: it works, or says in our words why it does not."""

        async def each() -> None:
            unhurried = CapsuleStorage(self.path, synchronous="normal")
            capsules = Capsules(storage=unhurried, seal=Seal(self._key))
            chain, storage = capsules.chain, capsules.storage
            try:
                for ask in (
                    lambda: chain.verify(level=Level.STRUCTURAL),
                    lambda: chain.verify(incremental=True),
                    lambda: chain.seal_and_store(Capsule()),
                    lambda: chain.verify(incremental=True),
                    lambda: chain.checkpoint(),
                    lambda: chain.consistency(2),
                    lambda: chain.inclusion(Capsule().id),
                    lambda: storage.list(),
                ):
                    with suppress(CapsuleError, NotFound):
                        await ask()
            finally:
                await capsules.close()

        asyncio.run(each())


def _document(data: Any) -> Any:
    def pairs(found: list[tuple[str, Any]]) -> Any:
        return sorted(((name, repr(value)) for name, value in found))

    try:
        return json.loads(data, object_pairs_hook=pairs)
    except (ValueError, TypeError):
        return data


@pytest.fixture
def copies(made: tuple[bytes, Path], tmp_path: Path) -> Callable[[], Copy]:
    return lambda: Copy(tmp_path, *made)


@pytest.fixture
def copies_as_reference(made_as_reference: tuple[bytes, Path], tmp_path: Path) -> Callable[[], Copy]:
    return lambda: Copy(tmp_path, *made_as_reference)


def check(copy: Copy, before: Any) -> None:
    verdict = copy.verdict()
    if verdict.valid:
        assert copy.rows() == before
    else:
        assert verdict.error


@settings(FUZZ, max_examples=50)
@example(("capsules", "sequence"), 2, 2**62)
@example(("capsules", "sequence"), 2, "x")
@given(PLACES, st.integers(0, COUNT), VALUES)
def test_any_value_in_any_place_is_noticed_or_covered_by_no_seal(
    copies_as_reference: Callable[[], Copy], place: Any, row: int, value: Any
) -> None:
    copy = copies_as_reference()
    before = copy.rows()
    table, column = place
    try:
        copy.change((f"update {table} set {column} = ? where {ROWS[table]}", (value, row)))
    except sqlite3.IntegrityError:
        return

    check(copy, before)
    copy.use()


@FUZZ
@given(st.integers(0, COUNT - 1), st.data())
def test_a_character_more_or_less_or_another_in_a_document_is_noticed(
    copies: Callable[[], Copy], row: int, data: st.DataObject
) -> None:
    copy = copies()
    before = copy.rows()
    with closing(sqlite3.connect(copy.path)) as connection:
        (text,) = connection.execute("select data from capsules where sequence = ?", (row,)).fetchone()
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, min(start + 3, len(text))))
    put = data.draw(st.text(st.characters(exclude_categories=("Cs",)), max_size=3))
    copy.change(("update capsules set data = ? where sequence = ?", (text[:start] + put + text[stop:], row)))

    check(copy, before)


@FUZZ
@given(st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), min_size=1, max_size=20), st.integers(0, 3))
def test_any_bytes_of_the_file_are_noticed_or_not_the_chains(copies: Callable[[], Copy], flips: Any, cut: int) -> None:
    copy = copies()
    before = copy.rows()
    data = bytearray(copy.path.read_bytes())
    for place, change in flips:
        data[place % len(data)] ^= change
    copy.path.write_bytes(data[: len(data) - cut * 1000])

    with suppress(StorageError):
        check(copy, before)
