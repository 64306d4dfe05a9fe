"""However many begin at once there is one key, and what any key of the ring has signed stays verifiable."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from qp_capsule.keyring import Keyring as ReferenceKeyring
from qp_capsule.seal import Seal as ReferenceSeal

from qntx.capsules import Capsule, Keyring, KeyringError, Seal

BEGIN = """
import sys; sys.modules['sqlalchemy'] = None  # as where it is not installed: starts in half the time
from pathlib import Path
from qntx.capsules import Seal
sys.stdin.readline()
print(Seal(Path(sys.argv[1])).get_public_key())
"""


def test_processes_that_begin_at_once_have_one_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "key"
    started = [
        subprocess.Popen([sys.executable, "-c", BEGIN, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]

    keys = {process.communicate("go\n", timeout=60)[0] for process in started}

    assert len(keys) == 1
    assert len(json.loads((tmp_path / "keys" / "keyring.json").read_text())["epochs"]) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {entry.name for entry in path.parent.iterdir()} == {"key", "keyring.json", ".keyring.json.lock"}


def test_an_empty_key_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"")

    with pytest.raises(KeyringError, match="holds 0 bytes; a signing key has 32"):
        Seal(tmp_path / "key").get_public_key()


def test_a_keyring_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "keyring.json").write_text("{")

    with pytest.raises(KeyringError, match=r"keyring\.json"):
        Keyring(tmp_path / "keyring.json", tmp_path / "key").all_public_keys()


def test_a_rotation_elsewhere_is_noticed_without_a_restart(tmp_path: Path) -> None:
    seal = Seal(tmp_path / "key")
    before = seal.seal(Capsule())
    Keyring(tmp_path / "keyring.json", tmp_path / "key").rotate()

    after = Seal(tmp_path / "key").seal(Capsule())

    assert seal.verify(before)
    assert seal.verify(after)
    assert before.signed_by != after.signed_by


def test_keys_whose_short_names_collide_are_told_apart(tmp_path: Path) -> None:
    seal = Seal(tmp_path / "key")
    first = seal.seal(Capsule())
    ring = Keyring(tmp_path / "keyring.json", tmp_path / "key")
    ring.rotate()
    kept = json.loads(ring.path.read_text())
    for epoch in kept["epochs"]:
        epoch["fingerprint"] = "qp_key_0000"
    ring.path.write_text(json.dumps(kept))
    second = Seal(tmp_path / "key").seal(Capsule())
    first.signed_by = second.signed_by = "qp_key_0000"

    fresh = Seal(tmp_path / "key")

    assert [fresh.verify(first), fresh.verify(second)] == [True, True]
    assert all(fresh.signed(capsule.hash, capsule.signature, "qp_key_0000") for capsule in (first, second))


def test_the_reference_library_verifies_with_our_files_and_we_with_its(tmp_path: Path) -> None:
    ours = Seal(tmp_path / "key").seal(Capsule())
    ring = ReferenceKeyring(tmp_path / "keyring.json", tmp_path / "key")
    theirs = ReferenceSeal(tmp_path / "key", keyring=ring).seal(Capsule())

    assert ReferenceSeal(tmp_path / "key", keyring=ring).verify(ours)
    assert ReferenceSeal(tmp_path / "key").verify(ours)
    assert Seal(tmp_path / "key").verify(theirs)


@pytest.mark.parametrize("signature", ["", "zz", "00" * 63, "00" * 64, "0 " * 64])
def test_what_is_no_signature_is_not_valid(tmp_path: Path, signature: str) -> None:
    assert not Seal(tmp_path / "key").signed("0" * 64, signature, "")


def test_the_keys_of_other_machines_are_believed_and_sign_nothing_here(tmp_path: Path) -> None:
    here, there = Seal(tmp_path / "here" / "key"), Seal(tmp_path / "there" / "key")
    stamp = there.stamp(b"their record")
    assert not here.signed(stamp.hash, stamp.signature, stamp.signed_by)

    here.trust([there.get_public_key(), here.get_public_key()])

    assert here.signed(stamp.hash, stamp.signature, stamp.signed_by)
    assert here.get_public_key() != there.get_public_key()
    assert Seal(tmp_path / "here" / "key").get_public_key() == here.get_public_key()
