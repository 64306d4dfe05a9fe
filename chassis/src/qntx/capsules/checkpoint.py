"""A signed statement of a chain's length and root, small enough to be kept elsewhere.

The text is that of C2SP tlog-checkpoint, signed as a C2SP signed-note, so that tools which know neither us nor capsules
can check and countersign it. Kept outside the database, it makes a truncated, rewritten or deleted chain visible, which
no chain can show of itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from qntx.capsules import cps
from qntx.capsules.seal import Seal
from qntx.errors import ChainError

ED25519 = b"\x01"
_DASH = "— "


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How long the chain was, and the root over all of it."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def origin_of(first_hash: str) -> str:
    """A chain is named by its first record, which nothing that came later can change."""
    return f"qntx-capsules/{first_hash[:32]}"


def key_id(name: str, public_key: bytes) -> bytes:
    """How a note's signature line names its Ed25519 key."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:4]


def verifier_key(name: str, public_key: bytes) -> str:
    """The key in the form that note tools take: name+id+key."""
    return f"{name}+{key_id(name, public_key).hex()}+{base64.b64encode(ED25519 + public_key).decode()}"


def issue(checkpoint: Checkpoint, seal: Seal) -> str:
    """The signed note."""
    signature = key_id(checkpoint.origin, seal.public_key) + seal.sign(checkpoint.body.encode())
    return f"{checkpoint.body}\n{_DASH}{checkpoint.origin} {base64.b64encode(signature).decode()}\n"


def read(note: str, public_keys: list[bytes]) -> Checkpoint:
    """The statement of a note that one of these keys signed. Raises ChainError, saying why, otherwise."""
    body, separator, signatures = note.partition("\n\n")
    if not separator:
        raise ChainError("this is no signed checkpoint: it has no empty line before its signatures")
    body += "\n"
    checkpoint = _parsed(body)
    for line in signatures.splitlines():
        name, _, encoded = line.removeprefix(_DASH).rpartition(" ")
        if line.startswith(_DASH) and name == checkpoint.origin and _signed(name, body, encoded, public_keys):
            return checkpoint
    raise ChainError("the checkpoint is not signed by any key of this keyring")


def _parsed(body: str) -> Checkpoint:
    lines = body.split("\n")
    try:
        origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (IndexError, ValueError) as error:
        raise ChainError(f"this is no checkpoint: {error}") from error
    if not origin or str(size) != lines[1] or size < 0 or len(root) != hashlib.sha256().digest_size:
        raise ChainError("this is no checkpoint: origin, size or root is malformed")
    return Checkpoint(origin, size, root)


def _signed(name: str, body: str, encoded: str, public_keys: list[bytes]) -> bool:
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return False
    identity, signature = raw[:4], raw[4:].hex()
    return any(key_id(name, key) == identity and cps.signed(key, body, signature) for key in public_keys)
