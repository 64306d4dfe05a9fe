"""Where things are kept."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from qntx.host.home import Home


def test_the_variable_names_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNTX_HOME", str(tmp_path / "told"))

    assert Home.find().root == tmp_path / "told"


def test_without_it_the_root_is_in_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QNTX_HOME")

    assert Home.find().root == Path.home() / ".qntx"


def test_what_is_made_is_the_owners_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")

    home.create()
    home.create()

    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.keys.stat().st_mode) == 0o700
    assert home.plugins.is_dir()
