from __future__ import annotations

import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from qntx.errors import Unavailable
from qntx.host.store.claim import signed, signed_text
from qntx.host.store.node_key import NodeKey, did_key, public_key, verify
from qntx.model.attestation import Attestation

CLAIM = Attestation("AS-1", ("a",), ("p",), ("c",), ("me",), 1, 2, "script", {"n": 1.5, "z": [True], "ä": None})


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "node.ed25519"

    first = NodeKey.load(path)

    assert NodeKey.load(path).did == first.did
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "node.ed25519"
    code = (
        "import pathlib, sys; from qntx.host.store.node_key import NodeKey\n"
        "print(NodeKey.load(pathlib.Path(sys.argv[1])).did)"
    )

    started = [subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) for _ in range(4)]

    assert len({process.communicate()[0] for process in started}) == 1
    assert all(process.returncode == 0 for process in started)


def test_a_damaged_key_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "node.ed25519"
    path.write_bytes(b"short")

    with pytest.raises(Unavailable, match="5 bytes"):
        NodeKey.load(path)

    assert path.read_bytes() == b"short"


def test_a_did_is_that_of_the_specification() -> None:
    """From the did:key specification's test vectors."""
    public = bytes.fromhex("3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29")

    assert did_key(public) == "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"
    assert public_key(did_key(public)) == public


@pytest.mark.parametrize(
    "did", ["", "did:key:z", "did:key:z0", "did:web:example.org", "did:key:z6Mk", "did:key:z" + "1" * 5000]
)
def test_another_did_has_no_key(did: str) -> None:
    assert public_key(did) is None


def test_what_is_signed_is_documented_json() -> None:
    assert (
        signed_text(CLAIM)
        == (
            '{"actors":["me"],"attributes":{"n":1.5,"z":[true],"ä":null},"contexts":["c"],"id":"AS-1",'
            '"predicates":["p"],"source":"script","subjects":["a"],"timestamp":1}'
        ).encode()
    )


@pytest.mark.parametrize(
    "change",
    [
        {"id": "AS-2"},
        {"subjects": ("a", "b")},
        {"predicates": ("q",)},
        {"contexts": ()},
        {"actors": ("you",)},
        {"timestamp_ms": 2},
        {"source": "other"},
        {"attributes": {}},
        {"signature": b""},
        {"signature": b"\x00" * 64},
        {"signature": b"short"},
        {"signer_did": ""},
        {"signer_did": NodeKey(b"\x01" * 32).did},
    ],
)
def test_whatever_is_changed_breaks_the_signature(change: dict[str, object]) -> None:
    kept = signed(CLAIM, NodeKey(bytes(32)))
    assert verify(kept)

    assert not verify(replace(kept, **change))  # type: ignore[arg-type]


def test_when_a_store_took_it_is_not_part_of_the_claim() -> None:
    assert verify(replace(signed(CLAIM, NodeKey(bytes(32))), created_at_ms=999))
