"""Where attestations are kept, and whatever else hosts share."""

from __future__ import annotations

import importlib
from contextlib import AbstractAsyncContextManager
from typing import Any

from qntx.errors import Refused

SHARED = {
    "postgres": ("qntx.host.sharing", "Shared"),
    "postgresql": ("qntx.host.sharing", "Shared"),
}
"""By the scheme of a URL. A driver may follow it, as in postgresql+psycopg; it is ours to choose."""


def shared(url: str) -> AbstractAsyncContextManager[Any]:
    """The stores of hosts that share that database, by its scheme; imported when it is asked for."""
    scheme = url.partition("://")[0].partition("+")[0].lower()
    if scheme not in SHARED:
        raise Refused(
            f"{scheme or 'nothing'}:// is no shared database; it is postgresql://USER:PASSWORD@MACHINE/DATABASE"
        )
    module, factory = SHARED[scheme]
    try:
        made: AbstractAsyncContextManager[Any] = getattr(importlib.import_module(module), factory)(url)
    except ModuleNotFoundError as missing:
        if missing.name != "psycopg":
            raise
        raise Refused("a shared database needs psycopg: pip install 'qntx-chassis[postgres]'") from missing
    return made
