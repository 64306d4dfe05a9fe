"""What a scratch directory may hold where it is a folder of the machine's."""

from __future__ import annotations

import os
import subprocess
import sys

from qntx.engine.quota import excess
from qntx.worker.sandbox.policy import scratch_files_max

MIB = 1024 * 1024


def test_what_fits_is_no_excess(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"x" * MIB)
    (tmp_path / "holes").touch()
    os.truncate(tmp_path / "holes", 1 << 40)
    (tmp_path / "link").symlink_to("/")

    assert excess(str(tmp_path), os.getpid(), 2) == ""


def test_bytes_count_wherever_they_lie(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "file").write_bytes(b"x" * MIB)

    assert excess(str(tmp_path), os.getpid(), 2) == "its scratch directory held more than 2 MiB"


def test_files_count_however_empty(tmp_path):
    for number in range(scratch_files_max(1) + 1):
        (tmp_path / f"{number}").touch()

    assert excess(str(tmp_path), os.getpid(), 1) == f"its scratch directory held more than {scratch_files_max(1)} files"


def test_files_that_are_open_and_have_no_name_count(tmp_path):
    code = "import os\nf = open('f', 'wb', 0)\nf.write(b'x' * (3 << 20))\nos.unlink('f')\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        holder.stdout.readline()

        found = excess(str(tmp_path), holder.pid, 2)

        holder.kill()
    assert found == "its scratch directory held more than 2 MiB"


def test_what_is_too_deep_to_be_seen_is_told(tmp_path):
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("x" * 250, dir_fd=place)
        deeper = os.open("x" * 250, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = deeper
    os.close(place)

    assert "could not be looked into: [Errno 36] File name too long" in excess(str(tmp_path), os.getpid(), 2)


def test_a_run_that_is_over_has_no_excess(tmp_path):
    pid_of_nobody = 2**22 + 1

    assert excess(str(tmp_path / "gone"), pid_of_nobody, 2) == ""
