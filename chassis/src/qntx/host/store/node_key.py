"""The key a node signs its attestations with: Ed25519, named by its did:key."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from nacl.bindings import crypto_sign, crypto_sign_BYTES, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from qntx.errors import Unavailable
from qntx.host.store.claim import signed_text
from qntx.model.attestation import Attestation

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ED25519_MULTICODEC = b"\xed\x01"
_DID_PREFIX = "did:key:z"
KEY_BYTES = 32


class NodeKey:
    """The private key of this machine's node."""

    def __init__(self, seed: bytes) -> None:
        public, self._secret = crypto_sign_seed_keypair(seed)
        self.did = did_key(public)

    @classmethod
    def generate(cls) -> NodeKey:
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def load(cls, path: Path) -> NodeKey:
        """The key kept in that file; made where there is none. Only the owner can read it."""
        if not path.exists():
            _keep_new(path)
        seed = path.read_bytes()
        if len(seed) != KEY_BYTES:
            raise Unavailable(f"{path}: {len(seed)} bytes; a node's key is {KEY_BYTES}. Restore it, or move it away")
        return cls(seed)

    def sign(self, message: bytes) -> bytes:
        signed: bytes = crypto_sign(message, self._secret)
        return signed[:crypto_sign_BYTES]


def verify(attestation: Attestation) -> bool:
    """Whether the signer it names has signed exactly this. An unsigned one is not."""
    return has_signed(attestation.signer_did, signed_text(attestation), attestation.signature)


def has_signed(did: str, message: bytes, signature: bytes) -> bool:
    """Whether the key of that did:key has signed exactly this."""
    public = public_key(did)
    if public is None or not signature:
        return False
    try:
        VerifyKey(public).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def did_key(public: bytes) -> str:
    """The did:key of an Ed25519 public key."""
    data = _ED25519_MULTICODEC + public
    number = int.from_bytes(data, "big")
    digits = ""
    while number:
        number, remainder = divmod(number, 58)
        digits = _BASE58[remainder] + digits
    return _DID_PREFIX + digits


def public_key(did: str) -> bytes | None:
    """The Ed25519 key that a did:key stands for; None where it stands for nothing of that kind."""
    digits = did.removeprefix(_DID_PREFIX)
    if not did.startswith(_DID_PREFIX) or len(did) > 100 or not set(digits) <= set(_BASE58):
        return None
    number = 0
    for digit in digits:
        number = number * 58 + _BASE58.index(digit)
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    if len(data) != len(_ED25519_MULTICODEC) + KEY_BYTES or not data.startswith(_ED25519_MULTICODEC):
        return None
    return data[len(_ED25519_MULTICODEC) :]


def _keep_new(path: Path) -> None:
    """Written beside and linked into place: whoever reads the file finds a whole key, and the first to come wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
