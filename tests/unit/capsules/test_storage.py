"""The storages that need nothing but this machine keep every promise."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tests.conformance.capsule_storage import CapsuleStorageSuite
from tests.unit.capsules.conftest import lay_out_as_reference

from qntx.capsules import Capsules, CapsuleStorage, MemoryStorage, StorageError
from qntx.capsules.storage import open_storage
from qntx.capsules.storage.base import ChainStorage


class TestMemoryStorage(CapsuleStorageSuite):
    async def open(self, tmp_path: Path) -> ChainStorage:
        return MemoryStorage()


class TestCapsuleStorage(CapsuleStorageSuite):
    many_tenants = False

    async def open(self, tmp_path: Path) -> ChainStorage:
        return CapsuleStorage(tmp_path / "capsules.db", synchronous="normal")


class TestCapsuleStorageInTheReferencesLayout(TestCapsuleStorage):
    async def open(self, tmp_path: Path) -> ChainStorage:
        return CapsuleStorage(lay_out_as_reference(tmp_path / "capsules.db"), synchronous="normal")


@pytest.mark.parametrize(
    ("address", "name"),
    [("audit.db", "audit.db"), ("sqlite:///audit.db", "audit.db"), ("sqlite:////there/audit.db", "/there/audit.db")],
)
def test_an_address_names_the_file(address: str, name: str) -> None:
    storage = open_storage(address)

    assert isinstance(storage, CapsuleStorage)
    assert storage.db_path == Path(name)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg"])
def test_every_way_to_write_a_postgresql_address_is_one(scheme: str) -> None:
    storage = open_storage(f"{scheme}://u@h/d")

    assert getattr(storage, "database_url", "") == "postgresql://u@h/d"


def test_an_unknown_scheme_is_refused_and_not_a_file_name() -> None:
    with pytest.raises(StorageError, match="mysql://"):
        open_storage("mysql://h/d")


def test_an_object_that_is_no_storage_is_refused_and_says_what_is_missing() -> None:
    with pytest.raises(StorageError, match="get_latest"):
        Capsules(storage=object())  # type: ignore[arg-type]


async def test_the_database_and_the_key_are_their_owners_alone(tmp_path: Path, data_directory: Path) -> None:
    capsules = Capsules(tmp_path / "audit.db")

    @capsules.audit(type="tool")
    async def work() -> None: ...

    await work()
    await capsules.close()

    for path in (tmp_path / "audit.db", data_directory / "key"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


async def test_a_path_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    storage = CapsuleStorage(tmp_path / "file" / "capsules.db")

    with pytest.raises((StorageError, OSError), match="file"):
        await storage.count()
