"""The seal: this machine's key, and every key whose signature counts."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path

from nacl.signing import SigningKey, VerifyKey
from qp_capsule.capsule import Capsule
from qp_capsule.paths import default_key_path
from qp_capsule.seal import Seal as UpstreamSeal
from qp_capsule.seal import SealVerificationResult, SealVerifyCode, compute_hash

from qntx.capsules import cps
from qntx.capsules.keyring import Keyring, ensure_key
from qntx.errors import SealError

__all__ = ["Seal", "SealVerificationResult", "SealVerifyCode", "compute_hash"]


class Seal(UpstreamSeal):
    """Signs records and checks signatures; keeps a keyring beside its key, so a rotation invalidates nothing."""

    def __init__(
        self, key_path: Path | None = None, enable_pq: bool | None = None, *, keyring: Keyring | None = None
    ) -> None:
        path = key_path or default_key_path()
        self._keys = keyring or Keyring(path.with_name("keyring.json"), path)
        self._lock = threading.Lock()
        super().__init__(path, enable_pq, keyring=self._keys)

    def stamp(self, content: bytes) -> cps.Stamp:
        """Hash and sign the canonical text of a record."""
        key, _ = self._ensure_keys()
        hash_hex = cps.hash_of(content)
        return cps.Stamp(hash_hex, cps.sign(key, hash_hex), self._sign_pq(hash_hex), self.get_key_fingerprint())

    def sign(self, message: bytes) -> bytes:
        """The raw Ed25519 signature over any message, for checkpoints."""
        key, _ = self._ensure_keys()
        return key.sign(message).signature

    @property
    def public_key(self) -> bytes:
        return bytes(self._ensure_keys()[1])

    def get_key_fingerprint(self) -> str:
        return self.get_public_key()[:16]

    def signed(self, hash_hex: str, signature: str, signed_by: str) -> bool:
        """Is this the signature of the key that the record names, or of the local one where the name is unknown?"""
        keys = self._keys.public_keys(signed_by) or [self.public_key]
        return any(cps.signed(key, hash_hex, signature) for key in keys)

    def public_keys(self) -> list[bytes]:
        """Every key whose signature counts, active and retired."""
        return list(dict.fromkeys([self.public_key, *self._keys.all_public_keys()]))

    def trust(self, public_keys: Collection[str]) -> None:
        """Let the signatures of these keys count too, from now on: those of machines that share the chain."""
        self._keys.adopt({*public_keys} - {self.get_public_key()})

    def verify_detailed(
        self, capsule: Capsule, verify_pq: bool = False, *, require_pq: bool = False
    ) -> SealVerificationResult:
        for key in self._keys.public_keys(capsule.signed_by)[1:]:
            # Names of four characters collide; the other keys of that name get their say before the base asks the
            # first.
            found = self.verify_with_key_detailed(capsule, key.hex())
            if found.ok and not (verify_pq or require_pq):
                return found
        return super().verify_detailed(capsule, verify_pq, require_pq=require_pq)

    def _sign_pq(self, hash_hex: str) -> str:
        if not self.pq_enabled:
            return ""
        signature = self._sign_dilithium(hash_hex)
        if signature is None:
            raise SealError("the post-quantum signature failed, and this seal was told to make one")
        return signature

    def _ensure_keys(self) -> tuple[SigningKey, VerifyKey]:
        if self._signing_key is not None and self._verify_key is not None:
            return self._signing_key, self._verify_key
        with self._lock:
            ensure_key(self.key_path)
            return super()._ensure_keys()
