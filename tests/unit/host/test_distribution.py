"""A variant's environment gets the chassis that made it."""

from __future__ import annotations

from pathlib import Path

from qntx.host.distribution import chassis_of


def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "a checkout" / "chassis"
    (root / "src" / "qntx").mkdir(parents=True)
    (root.parent / "proto").mkdir()
    (root / "pyproject.toml").write_text("[project]")
    (root / "src" / "qntx" / "one.py").write_text("1")
    (root.parent / "proto" / "a.proto").write_text("syntax")
    return root


def test_from_a_package_index_it_is_the_same_version() -> None:
    assert chassis_of("1.2.3", {}, editable=True).arguments == ("qntx-chassis==1.2.3",)


def test_from_a_repository_it_is_the_same_commit() -> None:
    origin = {"url": "https://example.org/q.git", "vcs_info": {"vcs": "git", "commit_id": "abc123"}}

    assert chassis_of("1.2.3", origin, editable=True).arguments == (
        "qntx-chassis @ git+https://example.org/q.git@abc123",
    )


def test_from_a_file_it_is_the_same_file() -> None:
    origin = {"url": "file:///wheels/qntx_chassis-1.2.3-py3-none-any.whl", "archive_info": {}}

    assert chassis_of("1.2.3", origin, editable=True).arguments == (f"qntx-chassis @ {origin['url']}",)


def test_from_an_editable_checkout_it_is_that_checkout_and_an_edit_changes_nothing(tmp_path: Path) -> None:
    root = checkout(tmp_path)
    origin = {"url": root.as_uri(), "dir_info": {"editable": True}}
    before = chassis_of("1.2.3", origin, editable=True)

    (root / "src" / "qntx" / "one.py").write_text("2")

    assert before.arguments == ("--editable", str(root))
    assert chassis_of("1.2.3", origin, editable=True) == before
    (root.parent / "proto" / "a.proto").write_text("syntax = 3")
    assert chassis_of("1.2.3", origin, editable=True) != before, "the stubs have to be made again"


def test_a_copy_of_a_checkout_changes_with_every_edit(tmp_path: Path) -> None:
    root = checkout(tmp_path)
    origin = {"url": root.as_uri(), "dir_info": {"editable": True}}
    before = chassis_of("1.2.3", origin, editable=False)

    (root / "src" / "qntx" / "one.py").write_text("2")

    assert before.arguments == (str(root),)
    assert chassis_of("1.2.3", origin, editable=False) != before
