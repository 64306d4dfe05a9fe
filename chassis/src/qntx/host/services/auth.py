"""The token that proves a caller is a plugin of this host: made anew at every start, handed over by Initialize."""

from __future__ import annotations

import hmac
import secrets

from qntx.errors import NotPermitted

TOKEN_BYTES = 32


def new_token() -> str:
    """64 hexadecimal characters."""
    return secrets.token_hex(TOKEN_BYTES)


def check_token(given: str, token: str) -> None:
    """Raise NotPermitted, in the words of the QNTX core, unless that is the token.

    Takes as long for a near miss as for a far one.
    """
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise NotPermitted("invalid authentication token")
