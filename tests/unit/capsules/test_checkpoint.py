"""A checkpoint is a note that any C2SP tool can check, and no other text passes for it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from nacl.signing import VerifyKey

from qntx.capsules import Capsules, ChainError, Keyring, Seal
from qntx.capsules.checkpoint import Checkpoint, issue, origin_of, read, verifier_key

STATED = Checkpoint("example.org/log", 5, hashlib.sha256(b"root").digest())


def test_the_note_has_the_published_form(seal: Seal) -> None:
    body, _, signatures = issue(STATED, seal).partition("\n\n")
    dash, name, encoded = signatures.rstrip("\n").split(" ")
    raw = base64.b64decode(encoded)

    assert body == f"example.org/log\n5\n{base64.b64encode(STATED.root).decode()}"
    assert (dash, name) == ("—", "example.org/log")
    assert raw[:4] == hashlib.sha256(b"example.org/log\n\x01" + seal.public_key).digest()[:4]
    VerifyKey(seal.public_key).verify(f"{body}\n".encode(), raw[4:])


def test_the_verifier_key_has_the_published_form(seal: Seal) -> None:
    name, identity, encoded = verifier_key("example.org/log", seal.public_key).split("+", 2)

    assert name == "example.org/log"
    assert bytes.fromhex(identity) == hashlib.sha256(b"example.org/log\n\x01" + seal.public_key).digest()[:4]
    assert base64.b64decode(encoded) == b"\x01" + seal.public_key


def test_what_was_issued_is_read(seal: Seal) -> None:
    assert read(issue(STATED, seal), seal.public_keys()) == STATED


def test_a_note_with_other_signatures_beside_ours_is_read(seal: Seal, tmp_path: Path) -> None:
    witness = issue(STATED, Seal(tmp_path / "witness")).partition("\n\n")[2]
    body, _, own = issue(STATED, seal).partition("\n\n")

    assert read(f"{body}\n\n{witness}{own}", seal.public_keys()) == STATED


def test_a_note_that_a_retired_key_signed_is_read(seal: Seal, data_directory: Path) -> None:
    note = issue(STATED, seal)
    Keyring(data_directory / "keyring.json", data_directory / "key").rotate()

    assert read(note, Seal().public_keys()) == STATED


@pytest.mark.parametrize(
    "edit",
    [
        lambda note: note.replace("\n5\n", "\n6\n"),
        lambda note: note.replace("\n5\n", "\n05\n"),
        lambda note: note.replace("\n5\n", "\n-5\n"),
        lambda note: note.replace("example.org", "example.com", 1),
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.partition("—")[0],
        lambda note: note[:-9] + "AAAAAAA=\n",
        lambda note: "",
        lambda note: "a\nb\nc\n\n— a AAAA\n",
    ],
)
def test_an_edited_note_is_refused(seal: Seal, edit: object) -> None:
    with pytest.raises(ChainError, match="checkpoint"):
        read(edit(issue(STATED, seal)), seal.public_keys())  # type: ignore[operator]


def test_another_machines_note_is_refused(seal: Seal, tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="not signed"):
        read(issue(STATED, Seal(tmp_path / "other")), seal.public_keys())


async def test_a_chain_states_its_size_and_root_under_its_first_records_name(capsules: Capsules) -> None:
    @capsules.audit(type="tool")
    async def work() -> None: ...

    for _ in range(3):
        await work()
    stated = read(await capsules.chain.checkpoint(), capsules.seal.public_keys())
    verdict = await capsules.verify()

    assert stated.size == 3
    assert base64.b64encode(stated.root).decode() == verdict.root
    assert stated.origin == origin_of((await capsules.storage.get_all_ordered())[0].hash)


async def test_an_empty_chain_states_nothing(capsules: Capsules) -> None:
    with pytest.raises(ChainError, match="nothing has been sealed"):
        await capsules.chain.checkpoint()
