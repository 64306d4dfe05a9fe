"""qntx variant sync, with uv and real environments; offline, out of uv's cache."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Sync = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of variants with one in it."""
    write(tmp_path / "variants", "chem", 'dependencies = ["click>=8"]\nimports = ["click"]\n')
    return tmp_path / "variants"


@pytest.fixture
def qntx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Sync:
    monkeypatch.setenv("QNTX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "qntx.cli", "variant", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def write(folder: Path, name: str, manifest: str) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "plugin.toml").write_text(manifest)


def result(done: subprocess.CompletedProcess[str]) -> Mapping[str, Any]:
    [built] = json.loads(done.stdout)
    return dict(built)


def builds(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "home/environments/.builds").iterdir() if path.is_dir())


def test_a_variant_is_one_file_and_one_command(qntx: Sync, tmp_path: Path, folder: Path) -> None:
    (folder / "chem" / "ingest").mkdir()
    (folder / "chem" / "ingest" / "mol.py").write_text("def execute(payload): ...\n")

    done = qntx("sync", "chem", "--json")

    assert done.returncode == 0, done.stderr
    built = result(done)
    assert (built["state"], built["built"]) == ("ready", True)
    environment = Path(built["path"])
    assert (environment / "libexec" / "plugin.toml").read_text() == (folder / "chem" / "plugin.toml").read_text()
    assert (environment / "libexec" / "ingest" / "mol.py").exists()
    subprocess.run([environment / "bin" / "python3", "-IBc", "import click, qntx.protocol.python_pb2"], check=True)
    assert Path(built["launcher"]).stat().st_mode & 0o111 == 0o111


def test_an_unchanged_variant_is_not_built_again_and_a_changed_one_is(qntx: Sync, tmp_path: Path, folder: Path) -> None:
    qntx("sync")
    first = builds(tmp_path)
    assert not result(qntx("sync", "--json"))["built"]
    assert builds(tmp_path) == first

    write(folder, "chem", 'dependencies = ["click>=8"]\ndescription = "Chemistry"\n')

    [listed] = json.loads(qntx("list", "--json").stdout)
    assert listed["environment"] == "stale"
    assert result(qntx("sync", "--json"))["built"]
    assert len(builds(tmp_path)) == 2, "the one before is kept for the plugin that runs from it"
    write(folder, "chem", 'dependencies = ["click>=8"]\ndescription = "Again"\n')
    assert result(qntx("sync", "--json"))["built"]
    assert len(builds(tmp_path)) == 2, "older ones are removed"


def test_a_build_that_fails_says_why_in_uvs_words_and_leaves_what_was_there(
    qntx: Sync, tmp_path: Path, folder: Path
) -> None:
    qntx("sync")
    before = (tmp_path / "home/plugins/qntx-chem-plugin").read_text()
    write(folder, "chem", 'dependencies = ["click>=9999"]\n')
    write(folder, "good", 'dependencies = ["click>=8"]\n')

    done = qntx("sync")

    assert done.returncode == 1
    assert "Error: chem could not be built." in done.stderr
    assert "click>=9999" in done.stderr
    assert (tmp_path / "home/plugins/qntx-chem-plugin").read_text() == before
    assert (tmp_path / "home/plugins/qntx-good-plugin").exists(), "one bad variant stops no other"
    assert [name.split("-")[0] for name in builds(tmp_path)] == ["chem", "good"], "nothing of the failed build is left"


def test_a_variant_whose_modules_do_not_import_is_not_put_in_use(qntx: Sync, tmp_path: Path, folder: Path) -> None:
    write(folder, "chem", 'imports = ["click"]\n')

    done = qntx("sync")

    assert done.returncode == 1
    assert "No module named 'click'" in done.stderr
    assert not (tmp_path / "home/plugins/qntx-chem-plugin").exists()


def test_an_optional_package_that_cannot_be_had_is_left_out_and_told(qntx: Sync, folder: Path) -> None:
    write(folder, "chem", 'optional = ["click>=8", "no-such-package-anywhere>=1"]\n')

    built = result(qntx("sync", "--json"))

    assert built["state"] == "ready"
    assert built["left_out"] == ["no-such-package-anywhere>=1"]
    assert "click" in json.loads(qntx("show", "chem", "--json").stdout)["packages"]


def test_two_syncs_at_once_build_once(qntx: Sync, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "qntx.cli", "variant", "sync", "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]

    answers = [json.loads(process.communicate()[0])[0] for process in both]

    assert sorted(answer["built"] for answer in answers) == [False, True]
    assert len(builds(tmp_path)) == 1


def test_ctrl_c_ends_a_build_that_is_going_on(qntx: Sync, tmp_path: Path) -> None:
    begun, python = tmp_path / "begun", tmp_path / "python-that-hangs"
    python.write_text(f"#!/bin/sh\ntouch {begun}\nwhile kill -0 $PPID 2>/dev/null; do sleep 0.1; done\n")
    python.chmod(0o755)
    command = [sys.executable, "-m", "qntx.cli", "variant", "sync", "--python", str(python)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    while not begun.exists() and process.poll() is None:
        time.sleep(0.05)

    process.send_signal(signal.SIGINT)

    process.communicate(timeout=60)
    assert process.returncode == 130
    assert builds(tmp_path) == []


def test_what_an_interrupted_build_left_is_removed(qntx: Sync, tmp_path: Path) -> None:
    left = tmp_path / "home/environments/.builds/chem-interrupted"
    left.mkdir(parents=True)

    qntx("sync")

    assert not left.exists()


def test_a_copy_of_the_chassis_can_be_installed_instead_of_the_checkout(qntx: Sync, repository: Path) -> None:
    built = result(qntx("sync", "--wheel", "--json"))

    code = "import qntx.protocol.python_pb2, qntx; print(qntx.__file__)"
    python = Path(built["path"]) / "bin" / "python3"
    where = subprocess.run([python, "-IBc", code], capture_output=True, text=True, check=True).stdout
    assert not where.startswith(str(repository / "chassis"))


def test_a_new_variant_is_written_checked_and_ready_to_sync(qntx: Sync, folder: Path) -> None:
    done = qntx("new", "lab", "click>=8", "--description", "The lab's own")

    assert done.returncode == 0, done.stderr
    assert "Next: qntx variant sync lab" in done.stdout
    assert result(qntx("sync", "lab", "--json"))["state"] == "ready"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["chem"], "there is a variant chem already"),
        (["chem-two"], "variant 'chem-two' begins with 'chem-'"),
        (["Lab"], "'Lab' is no variant name"),
        (["lab", "click[x]"], "'dependencies' must be a list of packages"),
    ],
)
def test_a_new_variant_that_could_not_work_is_refused(
    qntx: Sync, folder: Path, arguments: list[str], fault: str
) -> None:
    done = qntx("new", *arguments)

    assert done.returncode == 1
    assert fault in done.stderr
    assert [path.name for path in folder.iterdir()] == ["chem"]


def test_an_unknown_variant_is_refused_with_the_nearest_name(qntx: Sync) -> None:
    done = qntx("sync", "chme")

    assert (done.returncode, done.stderr) == (1, "Error: no variant 'chme' (nearest: chem)\n")


def test_a_folder_that_is_not_there_is_refused(qntx: Sync) -> None:
    done = qntx("list", "--variants", "nowhere")

    assert (done.returncode, done.stderr) == (1, "Error: no such folder of variants: nowhere\n")
