"""An audit trail of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import sqlalchemy
from qp_capsule.storage import Base

from qntx.capsules import Capsules, Seal


@pytest.fixture(autouse=True)
def data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where keys and the default database go: never a person's own."""
    monkeypatch.setenv("QUANTUMPIPES_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def seal() -> Seal:
    return Seal()


@pytest_asyncio.fixture
async def capsules(tmp_path: Path) -> AsyncIterator[Capsules]:
    opened = Capsules(tmp_path / "audit.db")
    yield opened
    await opened.close()


def lay_out_as_reference(path: Path) -> Path:
    """A database without records, its tables as the protocol's reference library makes them."""
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    engine.dispose()
    return path
