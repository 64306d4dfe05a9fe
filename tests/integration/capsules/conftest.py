"""An audit trail that is nobody's."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where keys and the default database go: never a person's own."""
    monkeypatch.setenv("QUANTUMPIPES_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"
