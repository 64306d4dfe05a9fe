"""Who calls? By the token that is shown, or by the login that a token was exchanged for.

On loopback, unless tokens are demanded, whoever can connect is the user themselves.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from qntx.host.access.roles import Role
from qntx.host.access.throttle import Throttle
from qntx.host.access.tokens import TOKEN_BYTES, Token, Tokens, digest

LOGIN_SECONDS = 12 * 3600.0
LOGINS_MAX = 1000
THIS_MACHINE = "this machine"
"""Whoever can read host.json: the command line of the user who runs the host. No token can have that name."""
NOT_SHOWN = "log in, or send a token as `Authorization: Bearer …`; `qntx token create` makes one"
NOT_KNOWN = "that token is not known here; `qntx token create` makes one"
ENDED = "that login has ended; log in again"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what they may do. Without tokens the name is empty."""

    name: str
    role: Role
    token: Token | None = None
    login: str = ""


ANYBODY = Caller("", Role.ADMIN)
"""On loopback, where no token is demanded."""


@dataclass(frozen=True, slots=True)
class Denied:
    """Why a caller is not known. `wait_seconds` is set where no token of theirs is looked at for so long."""

    error: str
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Login:
    token: Token
    until: float


class Door:
    """Logins are in memory: a host that starts anew asks again. Without tokens to know, it is open to everybody."""

    def __init__(self, tokens: Tokens | None = None, *, now: Callable[[], float] = time.monotonic) -> None:
        self.own_token = secrets.token_urlsafe(TOKEN_BYTES) if tokens is not None else ""
        """For the command line of this machine, by host.json."""
        self._tokens = tokens
        self._now = now
        self._throttle = Throttle()
        self._logins: OrderedDict[str, _Login] = OrderedDict()

    @property
    def demanded(self) -> bool:
        return self._tokens is not None

    def caller(self, authorization: str, login: str, address: str) -> Caller | Denied:
        """Who shows these. A token that is shown decides, whatever login comes with it."""
        if self._tokens is None:
            return ANYBODY
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return self._bearer(self._tokens, text.strip(), address)
        if not login:
            return Denied(NOT_SHOWN)
        found = self._login(login)
        if found is None or not self._tokens.knows(found.token):
            return Denied(ENDED)
        return _caller(found.token, login)

    def login(self, text: str, address: str) -> tuple[Caller, str] | Denied:
        """Exchange a token for a login: the secret that its cookie holds."""
        if self._tokens is None:
            return ANYBODY, ""
        caller = self._bearer(self._tokens, text, address)
        if isinstance(caller, Denied):
            return caller
        if caller.token is None:  # host.json's is for the command line: it is not kept where it could be revoked
            return Denied(NOT_KNOWN)
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        self._logins[digest(secret)] = _Login(caller.token, self._now() + LOGIN_SECONDS)
        while len(self._logins) > LOGINS_MAX:
            self._logins.popitem(last=False)
        return _caller(caller.token, secret), secret

    def logout(self, login: str) -> None:
        self._logins.pop(digest(login), None)

    def still_known(self, caller: Caller) -> bool:
        """Whether what let that caller in still would."""
        if self._tokens is None or caller.token is None:
            return True
        if caller.login and self._login(caller.login) is None:
            return False
        return self._tokens.knows(caller.token)

    def _login(self, secret: str) -> _Login | None:
        found = self._logins.get(digest(secret))
        return found if found is not None and found.until > self._now() else None

    def _bearer(self, tokens: Tokens, text: str, address: str) -> Caller | Denied:
        if wait := self._throttle.wait(address, self._now()):
            return Denied(f"too many wrong tokens came from {address}; try again in {wait:.0f} s", wait)
        if self.own_token and secrets.compare_digest(digest(text), digest(self.own_token)):
            return Caller(THIS_MACHINE, Role.ADMIN)
        if (token := tokens.find(text)) is None:
            self._throttle.wrong(address, self._now())
            return Denied(NOT_KNOWN)
        return _caller(token)


def _caller(token: Token, login: str = "") -> Caller:
    return Caller(token.name, token.rank, token, login)
