"""`qntx capsule` works on the database itself and says both verdicts."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from qntx.capsules import Capsule, Capsules, CapsuleType, Recorder, Seal
from qntx.cli.__main__ import main
from qntx.cli.capsule import command


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QNTX_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def ids(home: Path) -> list[str]:
    """Five runs of this home, sealed, and their capsules' ids."""
    capsules = Capsules(home / "capsules.db", seal=Seal(home / "keys" / "key"))
    recorder = Recorder(capsules)
    runs = [recorder.begin(Capsule(type=CapsuleType.TOOL)) for _ in range(5)]
    for run in runs:
        run.capsule.trigger.source = "py:bio"
        run.finish("success").result()
    recorder.close()
    capsules.storage._writer.close()  # type: ignore[attr-defined]
    return [run.id for run in runs]


def edit(home: Path, statement: str) -> None:
    connection = sqlite3.connect(home / "capsules.db")
    with connection:
        connection.execute(statement)
    connection.close()


def test_list_shows_the_newest_first(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capsule", "list", "--json", "--limit", "2"]) == 0
    shown = json.loads(capsys.readouterr().out)

    assert [capsule["id"] for capsule in shown] == [ids[4], ids[3]]
    assert main(["capsule", "list", "--type", "agent"]) == 0


def test_show_prints_one_capsule_and_refuses_an_unknown_one(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capsule", "show", ids[2]]) == 0
    assert json.loads(capsys.readouterr().out)["trigger"]["source"] == "py:bio"

    assert main(["capsule", "show", "nothing"]) == 1
    assert "there is no capsule nothing" in capsys.readouterr().err


def test_verify_says_both_verdicts(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capsule", "verify"]) == 0
    said = capsys.readouterr().out

    assert "5 capsules, signatures" in said
    assert "5 runs started, 5 sealed, 0 failed, 0 going on" in said


def test_verify_of_a_tampered_chain_ends_with_1(ids: list[str], home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(home, "update capsules set data = replace(data, 'py:bio', 'py:bad') where sequence = 2")

    assert main(["capsule", "verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["broken_at"] == ids[2]


def test_verify_against_a_checkpoint_kept_elsewhere(
    ids: list[str], home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capsule", "checkpoint"]) == 0
    note = tmp_path / "note"
    note.write_text(capsys.readouterr().out)

    assert main(["capsule", "verify", "--checkpoint", str(note)]) == 0
    edit(home, "delete from capsules where sequence = 4")
    edit(home, "delete from qntx_kept")
    assert main(["capsule", "verify", "--checkpoint", str(note)]) == 1
    assert "The tail is missing" in capsys.readouterr().out


def test_verify_trusts_an_explicit_key_alone(ids: list[str], home: Path, tmp_path: Path) -> None:
    own = Seal(home / "keys" / "key").get_public_key()

    assert main(["capsule", "verify", "--pubkey", own]) == 0
    assert main(["capsule", "verify", "--pubkey", "00" * 32]) == 1
    assert main(["capsule", "verify", "--pubkey", "zz"]) == 2
    assert main(["capsule", "verify", "--pubkey", own[:16]]) == 2


def test_export_is_one_capsule_a_line_that_verifies(ids: list[str], home: Path, tmp_path: Path) -> None:
    assert main(["capsule", "export", "--output", str(tmp_path / "out.jsonl")]) == 0
    exported = [
        Capsule.from_sealed_dict(json.loads(line)) for line in (tmp_path / "out.jsonl").read_text().splitlines()
    ]

    assert [str(capsule.id) for capsule in exported] == ids
    assert all(Seal(home / "keys" / "key").verify(capsule) for capsule in exported)


def test_proof_is_of_the_size_asked_for(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capsule", "proof", ids[1], "--size", "3"]) == 0
    proof = json.loads(capsys.readouterr().out)

    assert (proof["sequence"], proof["size"]) == (1, 3)
    assert main(["capsule", "proof", ids[4], "--size", "3"]) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["list", "--limit", str(2**70)], 2, "--limit"),
        (["list", "--offset", str(2**70)], 2, "--offset"),
        (["proof", "nothing", "--size", str(2**70)], 2, "--size"),
        (["verify", "--checkpoint", "capsules.db"], 1, "checkpoint"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(
    ids: list[str],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(home)

    assert main(["capsule", *arguments]) == code
    assert said in capsys.readouterr().err


def test_a_key_that_is_not_there_is_not_made(ids: list[str], home: Path) -> None:
    assert main(["capsule", "--key", str(home / "elsewhere" / "key"), "verify"]) == 2
    assert not (home / "elsewhere").exists()


def test_a_database_that_is_not_there_is_not_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capsule", "list"]) == 1
    assert "nothing has been sealed" in capsys.readouterr().err
    assert not (home / "capsules.db").exists()


@pytest.mark.parametrize("subcommand", sorted(command.commands))
def test_help_is_given_before_anything_has_been_sealed(
    home: Path, capsys: pytest.CaptureFixture[str], subcommand: str
) -> None:
    assert main(["capsule", subcommand, "--help"]) == 0
    assert f"Usage: qntx capsule {subcommand}" in capsys.readouterr().out
