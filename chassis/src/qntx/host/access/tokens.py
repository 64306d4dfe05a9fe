"""The tokens of a host: a file of names, roles and digests.

A token itself is shown once, when it is made, and not kept.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from qntx.errors import InvalidConfig, InvalidRequest, NotFound
from qntx.host.access.roles import Role, Word
from qntx.model.nearest import meant

PREFIX = "qntx_"
"""By which those who search for leaked secrets know one."""
TOKEN_BYTES = 32
CHARACTERS_MIN = 32
"""Of a token that was made elsewhere: a digest of less could be guessed."""
NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One caller. The name is what records of their runs say."""

    name: str
    role: Word
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """Enough for a secret of 256 random bits: it cannot be guessed, however fast the digest is."""
    created_at_ms: int = 0

    @property
    def rank(self) -> Role:
        return Role[self.role.upper()]


class _File(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    tokens: list[Token] = []


class Tokens:
    """The file, read again whenever it has changed: who is revoked is out at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._tokens: Sequence[Token] = ()

    def all(self) -> Sequence[Token]:
        """Raises InvalidConfig where the file is not one of tokens."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._seen, self._tokens = None, ()
            return ()
        if (now := (stat.st_ino, stat.st_size, stat.st_mtime_ns)) != self._seen:
            self._tokens, self._seen = _read(self._path), now
        return self._tokens

    def find(self, text: str) -> Token | None:
        """The token of that text. Every one is compared, so that the time tells nothing."""
        given = digest(text)
        found = None
        for token in self.all():
            if hmac.compare_digest(token.sha256, given):
                found = token
        return found

    def knows(self, token: Token) -> bool:
        return token in self.all()

    def create(self, name: str, role: Role, text: str = "") -> str:
        """Keep a new token, made here unless its text is given; returns the text."""
        if not NAME.fullmatch(name):
            raise InvalidRequest("name", f"{name!r} is not lower-case letters, digits and . _ @ -, 64 at most")
        if any(token.name == name for token in self.all()):
            raise InvalidRequest("name", f"there is a token named {name!r}; revoke it first, or take another name")
        if text and len(text) < CHARACTERS_MIN:
            raise InvalidRequest("token", f"is shorter than {CHARACTERS_MIN} characters, and could be guessed")
        text = text or PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        made = Token(name=name, role=role.word, sha256=digest(text), created_at_ms=time.time_ns() // 1_000_000)
        self._write([*self.all(), made])
        return text

    def revoke(self, name: str) -> None:
        kept = [token for token in self.all() if token.name != name]
        if len(kept) == len(self.all()):
            raise NotFound(f"no token is named {name!r}; {meant(name, [token.name for token in self.all()])}")
        self._write(kept)

    def _write(self, tokens: list[Token]) -> None:
        """Whole or not at all, for its owner alone."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(_File(tokens=tokens))) + b"\n")
            os.replace(temporary, self._path)
        except BaseException:
            os.unlink(temporary)
            raise


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> Sequence[Token]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File).tokens
    except (OSError, msgspec.MsgspecError) as error:
        raise InvalidConfig(str(path), f"is no file of tokens: {error}") from error
