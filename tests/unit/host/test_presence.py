"""host.json: which host is running."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from qntx.host import presence
from qntx.host.presence import Presence


def test_what_is_announced_is_found(tmp_path: Path) -> None:
    here = Presence.of_this_process("http://127.0.0.1:1")

    presence.announce(tmp_path / "host.json", here)

    assert presence.running(tmp_path / "host.json") == here


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    presence.announce(tmp_path / "host.json", Presence.of_this_process("http://127.0.0.1:1"))

    assert stat.S_IMODE((tmp_path / "host.json").stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["host.json"]


def test_a_host_that_died_is_not_found(tmp_path: Path) -> None:
    died = subprocess.Popen([sys.executable, "-c", ""])
    died.wait()

    presence.announce(tmp_path / "host.json", Presence("http://127.0.0.1:1", died.pid, 0.0))

    assert presence.running(tmp_path / "host.json") is None


def test_another_process_with_the_same_pid_is_not_the_host(tmp_path: Path) -> None:
    earlier = replace(here := Presence.of_this_process("http://127.0.0.1:1"), started_at=here.started_at - 100)

    presence.announce(tmp_path / "host.json", earlier)

    assert presence.running(tmp_path / "host.json") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"url": "x"}', "null"])
def test_a_file_that_makes_no_sense_speaks_of_no_host(tmp_path: Path, text: str) -> None:
    (tmp_path / "host.json").write_text(text)

    assert presence.running(tmp_path / "host.json") is None


def test_only_its_own_file_is_withdrawn(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    here = Presence.of_this_process("http://127.0.0.1:1")
    presence.announce(path, replace(here, url="http://127.0.0.1:2"))

    presence.withdraw(path, here)
    assert path.exists()

    presence.withdraw(path, replace(here, url="http://127.0.0.1:2"))
    assert not path.exists()
