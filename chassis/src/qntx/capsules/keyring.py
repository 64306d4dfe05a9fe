"""The keys that have signed, kept on disk so that two processes never make two.

The files are those of the protocol's reference library: `key` is the raw seed, `keyring.json` lists every key's public
half. Here a key file appears whole or not at all, once, for its owner alone; and a record names its key by the first 16
hexadecimal characters of the public key, where four collide after a few hundred rotations.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from nacl.signing import SigningKey
from qp_capsule import exceptions as upstream
from qp_capsule.keyring import Epoch
from qp_capsule.keyring import Keyring as UpstreamKeyring

from qntx.capsules.lock import locked
from qntx.errors import KeyringError

SEED_BYTES = 32


class Keyring(UpstreamKeyring):
    """Every key there is and was, and which one is active."""

    def load(self) -> None:
        try:
            with locked(self._keyring_path):
                super().load()
        except (upstream.KeyringError, KeyError, OSError) as error:
            raise KeyringError(f"{self._keyring_path}: {error}. Restore the file from a copy.") from error

    def rotate(self) -> Epoch:
        """Retire the active key and make another. What the old one signed stays verifiable."""
        with locked(self._keyring_path):
            super().load()
            return super().rotate()

    def register_key(self, signing_key: SigningKey) -> Epoch:
        with locked(self._keyring_path):
            super().load()
            self._loaded = True
            return super().register_key(signing_key)

    def adopt(self, public_keys: Collection[str]) -> None:
        """Keep the public keys of other machines, as keys that sign nothing here."""
        if {*public_keys} <= {epoch.public_key_hex for epoch in self._epochs}:
            return
        with locked(self._keyring_path):
            super().load()
            self._loaded = True
            known = {epoch.public_key_hex for epoch in self._epochs}
            for public_key in sorted({*public_keys} - known):
                number = max((epoch.epoch for epoch in self._epochs), default=-1) + 1
                now = datetime.now(UTC).isoformat()
                # As the reference library names keys in its files.
                name = f"qp_key_{public_key[:4]}"
                self._epochs.append(Epoch(number, "ed25519", public_key, name, now, now, "retired"))
            self._save()

    def public_keys(self, signed_by: str) -> list[bytes]:
        """The keys that a record's `signed_by` may mean; read again from disk when none is known."""
        self._ensure_loaded()
        found = self._named(signed_by)
        if not found and self._keyring_path.exists():
            self.load()
            found = self._named(signed_by)
        return found

    def all_public_keys(self) -> list[bytes]:
        """Active and retired, newest first, as they are on disk now."""
        self.load()
        return [bytes.fromhex(epoch.public_key_hex) for epoch in reversed(self._epochs)]

    def _named(self, signed_by: str) -> list[bytes]:
        return [
            bytes.fromhex(epoch.public_key_hex)
            for epoch in self._epochs
            if signed_by in (epoch.fingerprint, epoch.public_key_hex[:16], epoch.public_key_hex)
        ]


def ensure_key(path: Path) -> None:
    """Make the signing key unless there is one. Of several processes that come at once, one makes it."""
    if path.exists():
        if path.stat().st_size != SEED_BYTES:
            raise KeyringError(
                f"{path} holds {path.stat().st_size} bytes; a signing key has {SEED_BYTES}. "
                "Restore it from a copy, or move it away to begin with a new key."
            )
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # mkstemp gives 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(bytes(SigningKey.generate()))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # fails where another process was first, and then its key is the key
        except FileExistsError:
            return
    finally:
        os.unlink(temporary)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
