"""Hash and signature of a record, as the Capsule Protocol Specification 1.0 has them.

The only place where a record is hashed, signed or checked. The 64 hexadecimal characters of the hash are what is
signed, not its 32 bytes.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


class Stamp(NamedTuple):
    """What sealing adds to a record's content, all but the time."""

    hash: str
    signature: str
    signature_pq: str
    signed_by: str


def hash_of(content: bytes) -> str:
    """SHA3-256 of the canonical content, in hexadecimal."""
    return hashlib.sha3_256(content).hexdigest()


def sign(key: SigningKey, text: str) -> str:
    """The Ed25519 signature over a hash's hexadecimal text."""
    return key.sign(text.encode()).signature.hex()


def signed(public_key: bytes, text: str, signature: str) -> bool:
    """Did the owner of this key sign this text?"""
    try:
        raw = bytes.fromhex(signature)
    except (ValueError, TypeError):
        return False
    # One signature has one text: lower-case hexadecimal.
    if len(raw) != SIGNATURE_BYTES or raw.hex() != signature or len(public_key) != PUBLIC_KEY_BYTES:
        return False
    try:
        crypto_sign_open(raw + text.encode(), public_key)
    except BadSignatureError:
        return False
    return True
