"""Which plugins are found, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from qntx.errors import InvalidConfig
from qntx.host.config import PluginSection
from qntx.host.home import Home
from qntx.host.plugins.discovery import discover, find, search_paths


def executable(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def test_without_a_list_every_launcher_is_found_by_name(tmp_path: Path) -> None:
    executable(tmp_path / "a" / "qntx-bio-plugin")
    executable(tmp_path / "b" / "qntx-data-plugin")
    executable(tmp_path / "b" / "qntx-other")

    found = discover(PluginSection(), [tmp_path / "a", tmp_path / "b", tmp_path / "absent"])

    assert [one.name for one in found] == ["bio", "data"]


def test_the_first_folder_wins(tmp_path: Path) -> None:
    first = executable(tmp_path / "a" / "bio")
    executable(tmp_path / "b" / "qntx-bio-plugin")

    assert find("bio", [tmp_path / "a", tmp_path / "b"]) == first


def test_in_a_folder_the_fullest_name_wins(tmp_path: Path) -> None:
    for name in ("bio", "qntx-bio", "qntx-bio-plugin"):
        fullest = executable(tmp_path / name)

    assert find("bio", [tmp_path]) == fullest


def test_what_cannot_be_executed_is_not_a_launcher(tmp_path: Path) -> None:
    executable(tmp_path / "qntx-bio-plugin", mode=0o644)
    (tmp_path / "qntx-data-plugin").mkdir()

    assert discover(PluginSection(), [tmp_path]) == []


def test_an_enabled_plugin_that_is_absent_is_kept_without_a_path(tmp_path: Path) -> None:
    [absent] = discover(PluginSection(enabled=["bio"]), [tmp_path])

    assert (absent.path, absent.searched) == (None, (tmp_path,))


def test_an_empty_list_enables_nothing(tmp_path: Path) -> None:
    executable(tmp_path / "qntx-bio-plugin")

    assert discover(PluginSection(enabled=[]), [tmp_path]) == []


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        (["python", "python-bio"], "'python-bio' starts with the name of 'python'"),
        (["Bio"], "no plugin name"),
        (["../bio"], "no plugin name"),
        (["plugins"], "the host's own API"),
        (["https://example.org/bio"], "not downloaded"),
    ],
)
def test_a_name_that_cannot_be_is_refused(names: list[str], fault: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=fault):
        discover(PluginSection(enabled=names), [tmp_path])


def test_names_that_only_begin_alike_are_fine(tmp_path: Path) -> None:
    assert len(discover(PluginSection(enabled=["python", "python3", "pythonbio"]), [tmp_path])) == 3


def test_folders_default_to_the_home_and_the_project(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    assert search_paths(PluginSection(), home, tmp_path) == (home.plugins, tmp_path / "qntx-plugins")
    assert search_paths(PluginSection(paths=["~/x"]), home, tmp_path) == (Path.home() / "x",)


def test_an_attached_plugin_is_not_started_whatever_is_enabled(tmp_path: Path) -> None:
    for name in ("bio", "data"):
        executable(tmp_path / f"qntx-{name}-plugin")

    assert [one.name for one in discover(PluginSection(), [tmp_path], ["bio"])] == ["data"]
    assert discover(PluginSection(enabled=["bio"]), [tmp_path], ["bio"]) == []


def test_the_name_of_an_attached_plugin_is_held_to_the_same_rules(tmp_path: Path) -> None:
    executable(tmp_path / "qntx-python-plugin")

    with pytest.raises(InvalidConfig, match="starts with the name of 'python'"):
        discover(PluginSection(), [tmp_path], ["python-bio"])
