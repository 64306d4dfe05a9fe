"""The frame of the qntx command: what it imports, how it ends, what it says when it cannot."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from qntx.cli import __main__ as frame

HEAVY = {"fastapi", "grpc", "google.protobuf", "httpx", "rich", "uvicorn", "structlog", "nacl", "psutil"}


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Makes `probe` a subcommand, whose module `probing` each test writes."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(frame.COMMANDS, "probe", ("probing", "A subcommand of this test's own."))
    monkeypatch.delitem(sys.modules, "probing", raising=False)


def write(tmp_path: Path, body: str) -> None:
    text = f"import click\nfrom qntx.errors import Refused\n@click.command()\ndef command():\n    {body}\n"
    (tmp_path / "probing.py").write_text(text)
    importlib.invalidate_caches()


@pytest.mark.parametrize("name", frame.COMMANDS)
def test_every_subcommand_of_the_table_is_there(name: str) -> None:
    module, line = frame.COMMANDS[name]

    assert isinstance(importlib.import_module(module).command, click.Command)
    assert line.endswith(".")


def test_every_subcommand_is_in_the_table() -> None:
    folder = Path(frame.__file__).parent
    modules = {
        f"qntx.cli.{path.stem}"
        for path in folder.glob("*.py")
        if "\ncommand = " in (text := path.read_text()) or "def command(" in text
    }

    assert modules == {module for module, _ in frame.COMMANDS.values()}


def test_help_imports_no_subcommand_and_nothing_heavy() -> None:
    code = "import sys, json; from qntx.cli.__main__ import main; main(['--help']); print(json.dumps([*sys.modules]))"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    loaded = set(json.loads(printed.splitlines()[-1]))
    assert not loaded & HEAVY
    assert not {module for module, _ in frame.COMMANDS.values()} & loaded
    unwrapped = " ".join(printed.split())
    assert all(line in unwrapped for _, line in frame.COMMANDS.values())


def test_an_error_of_ours_is_one_line_and_exit_code_1(
    only: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "raise Refused('the disk is full: make room')")

    assert frame.main(["probe"]) == 1

    assert capsys.readouterr() == ("", "Error: the disk is full: make room\n")


def test_what_the_machine_refuses_is_one_line_and_exit_code_1(
    only: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "open('/no/such/folder/file')")

    assert frame.main(["probe"]) == 1

    assert capsys.readouterr() == ("", "Error: [Errno 2] No such file or directory: '/no/such/folder/file'\n")


def test_an_unknown_subcommand_is_told_the_one_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert frame.main(["querry"]) == 2

    assert "No such command 'querry'; did you mean 'query'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", frame.COMMANDS)
def test_no_line_of_a_groups_help_is_cut(name: str) -> None:
    command = importlib.import_module(frame.COMMANDS[name][0]).command

    printed = command.get_help(click.Context(command, info_name=f"qntx {name}", terminal_width=80))

    assert "..." not in printed.partition("Commands:")[2]


def test_a_wrong_command_line_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert frame.main(["no-such-command"]) == 2

    assert "No such command 'no-such-command'" in capsys.readouterr().err


def test_ctrl_c_is_exit_code_130(only: None, tmp_path: Path) -> None:
    write(tmp_path, "raise KeyboardInterrupt")

    assert frame.main(["probe"]) == 130


def test_a_declined_question_is_exit_code_1(only: None, tmp_path: Path) -> None:
    write(tmp_path, "raise click.Abort")

    assert frame.main(["probe"]) == 1


def test_a_subcommands_own_exit_code_is_kept(only: None, tmp_path: Path) -> None:
    write(tmp_path, "click.get_current_context().exit(7)")

    assert frame.main(["probe"]) == 7


def test_a_missing_package_is_named_with_what_brings_it(
    only: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "probing.py").write_text("import no_such_package")

    assert frame.main(["probe"]) == 1

    said = capsys.readouterr().err
    assert "qntx probe needs the Python package no_such_package" in said
    assert "qntx-chassis[host]" in said


def test_a_module_of_ours_that_is_missing_is_a_bug_and_shown_as_one(only: None, tmp_path: Path) -> None:
    (tmp_path / "probing.py").write_text("import qntx.no_such_module")

    with pytest.raises(ModuleNotFoundError):
        frame.main(["probe"])


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert frame.main(["--version"]) == 0

    assert capsys.readouterr().out.split()[-1] == frame.__version__


def test_a_shell_completes_subcommands_with_their_lines() -> None:
    environment = os.environ | {"_QNTX_COMPLETE": "fish_complete", "COMP_WORDS": "qntx vari", "COMP_CWORD": "vari"}
    program = Path(sys.executable).with_name("qntx")

    completed = subprocess.run([program], env=environment, capture_output=True, text=True, check=True).stdout

    assert "variant" in completed
    assert frame.COMMANDS["variant"][1] in completed
