"""The token that proves a caller is a plugin of this host: made anew at every start, handed over by Initialize."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

from qntx.errors import ChassisError, NotPermitted

TOKEN_BYTES = 32

Answer = TypeVar("Answer")


def new_token() -> str:
    """64 hexadecimal characters."""
    return secrets.token_hex(TOKEN_BYTES)


def check_token(given: str, token: str) -> None:
    """Raise NotPermitted, in the words of the QNTX core, unless that is the token.

    Takes as long for a near miss as for a far one.
    """
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise NotPermitted("invalid authentication token")


async def answered(
    given: str, token: str, work: Callable[[], Awaitable[Answer]], response: Callable[..., Answer]
) -> Answer:
    """What the work answers; what cannot be done is the response's `error`, under gRPC status OK."""
    try:
        check_token(given, token)
        return await work()
    except ChassisError as error:
        return response(error=str(error))
