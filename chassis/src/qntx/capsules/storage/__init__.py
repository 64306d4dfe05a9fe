"""Where capsules are kept: by the form of the address, imported when it is asked for."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from qntx.capsules.storage.base import CapsuleStorageProtocol
from qntx.errors import StorageError

STORAGES = {
    "postgres": ("qntx.capsules.storage.postgres", "PostgresCapsuleStorage"),
    "postgresql": ("qntx.capsules.storage.postgres", "PostgresCapsuleStorage"),
    "sqlite": ("qntx.capsules.storage.sqlite", "CapsuleStorage"),
}
"""By the scheme of a URL. A driver may follow it, as in postgresql+psycopg; it is ours to choose."""


def open_storage(address: str | Path | None) -> CapsuleStorageProtocol:
    """A path is a SQLite file, nothing is the default one. Opening touches no disk and no network yet."""
    scheme, separator, rest = ("", "", "") if isinstance(address, Path) else (address or "").partition("://")
    if not separator:
        return _made("sqlite", address)
    known = scheme.partition("+")[0].lower()
    if known not in STORAGES:
        raise StorageError(f"{scheme}:// is no capsule storage; there are a path, sqlite:/// and postgresql://")
    return _made(known, rest.removeprefix("/") or None if known == "sqlite" else f"postgresql://{rest}")


def postgres_storage() -> Any:
    """The class, for those who construct it themselves."""
    return _factory("postgresql")


def _made(name: str, address: str | Path | None) -> CapsuleStorageProtocol:
    storage: CapsuleStorageProtocol = _factory(name)(address)
    return storage


def _factory(name: str) -> Any:
    module, factory = STORAGES[name]
    try:
        return getattr(importlib.import_module(module), factory)
    except ModuleNotFoundError as missing:
        if missing.name != "psycopg":
            raise
        raise StorageError("PostgreSQL storage needs psycopg: pip install 'qntx-chassis[postgres]'") from missing
