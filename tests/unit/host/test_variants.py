"""Which folder of variants is meant, and what is read there."""

from __future__ import annotations

from pathlib import Path

import pytest

from qntx.errors import InvalidManifest, NotFound, Refused
from qntx.host import variants


def write(folder: Path, name: str, manifest: str = "") -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "plugin.toml").write_text(manifest)
    return folder


def test_the_checkout_around_us_is_found_from_anywhere_in_it(tmp_path: Path) -> None:
    folder = write(tmp_path / "variants", "chem")
    (tmp_path / "deep" / "down").mkdir(parents=True)

    assert variants.find(start=tmp_path / "deep" / "down") == folder


def test_outside_a_checkout_it_is_what_came_with_us(tmp_path: Path) -> None:
    found = variants.find(start=tmp_path)

    assert {"bio", "data", "python"} <= set(variants.load(found))


def test_a_folder_that_is_told_is_taken(tmp_path: Path) -> None:
    write(tmp_path / "variants", "chem")
    other = write(tmp_path / "other", "lab")

    assert variants.find(other, start=tmp_path) == other


def test_folders_without_a_manifest_are_no_variants(tmp_path: Path) -> None:
    folder = write(tmp_path, "chem")
    (folder / "notes").mkdir()

    assert list(variants.load(folder)) == ["chem"]


def test_one_bad_manifest_is_named_by_its_file(tmp_path: Path) -> None:
    write(tmp_path, "chem", "dependancies = []")

    with pytest.raises(InvalidManifest, match=r"chem/plugin\.toml: unknown key 'dependancies'"):
        variants.load(tmp_path)


def test_names_that_begin_with_each_other_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    write(write(tmp_path, "python"), "python-bio", "nonsense")

    with pytest.raises(InvalidManifest, match="'python-bio' begins with 'python-'"):
        variants.load(tmp_path)


def test_a_manifest_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "chem").mkdir()
    (tmp_path / "chem" / "plugin.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(Refused, match=r"cannot read the manifest .*chem"):
        variants.read(tmp_path / "chem" / "plugin.toml")


def test_none_named_is_all_and_an_unknown_name_has_a_nearest(tmp_path: Path) -> None:
    folders = variants.load(write(write(tmp_path, "chem"), "lab"))

    assert [found.variant.name for found in variants.choose(folders, [])] == ["chem", "lab"]
    with pytest.raises(NotFound, match=r"no variant 'lap' \(nearest: lab\)"):
        variants.choose(folders, ["lap"])
