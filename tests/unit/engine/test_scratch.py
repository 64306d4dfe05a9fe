"""Scratch directories: whose owner is dead, and whose is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qntx.engine.scratch import Scratch, remove

HOLD = "import sys, time; from qntx.engine.scratch import Scratch; s = Scratch(sys.argv[1]); s.open()"


@pytest.fixture
def held(tmp_path):
    """The scratch directory of another process, and that process."""
    command = [sys.executable, "-c", f"{HOLD}; print(s.path, flush=True); time.sleep(600)", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        yield Path(owner.stdout.readline().strip()), owner
        owner.kill()


def opened(parent: Path) -> Scratch:
    scratch = Scratch(str(parent))
    scratch.open()
    return scratch


def test_what_a_killed_engine_left_is_removed_by_the_next(held, tmp_path):
    left, owner = held
    (left / "bare" / "7").mkdir(parents=True)
    owner.send_signal(signal.SIGKILL)
    owner.wait()

    scratch = opened(tmp_path)

    assert not left.exists()
    scratch.close()


def test_the_directory_of_an_engine_that_lives_is_left_alone(held, tmp_path):
    left, _ = held

    scratch = opened(tmp_path)

    assert left.exists()
    scratch.close()


def test_what_only_has_such_a_name_is_left_alone(tmp_path):
    (tmp_path / "qntx-notes").mkdir()
    (tmp_path / "qntx-file").write_text("x")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "owner").touch()
    (tmp_path / "qntx-link").symlink_to(elsewhere)

    scratch = opened(tmp_path)

    assert sorted(os.listdir(tmp_path)) == sorted(
        ["elsewhere", "qntx-file", "qntx-link", "qntx-notes", Path(scratch.path).name]
    )
    scratch.close()


def test_no_folder_is_too_deep_or_too_private_to_be_removed(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("x")
    left = tmp_path / "left"
    left.mkdir()
    (left / "link").symlink_to(tmp_path)
    (left / "beside").mkdir()
    (left / "beside" / "file").touch()
    (left / "private").mkdir(0o300)
    (left / "private" / "file").touch()
    place = os.open(left, os.O_RDONLY)
    for _ in range(2 * sys.getrecursionlimit()):
        os.mkdir("deep", dir_fd=place)
        deeper = os.open("deep", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = deeper
    os.close(place)

    remove(str(left))

    assert os.listdir(tmp_path) == ["outside"]


def test_nothing_is_left_where_it_was_closed(tmp_path):
    scratch = opened(tmp_path)
    (Path(scratch.path) / "file").write_text("x")

    scratch.close()

    assert os.listdir(tmp_path) == []
