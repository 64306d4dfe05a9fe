"""What each route demands of its caller: one table, and whatever is not in it is for administrators.

Pure. A path is matched as it is routed; the first row that fits counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, Literal

from starlette.routing import compile_path

Word = Literal["read", "run", "admin"]


class Role(IntEnum):
    """Each may do what those before it may."""

    READ = 1
    """Look at everything but configurations."""
    RUN = 2
    """Run code, and change what code works on."""
    ADMIN = 3
    """Change the plugins themselves."""

    @property
    def word(self) -> Word:
        return _WORDS[self]


_WORDS: Mapping[Role, Word] = {Role.READ: "read", Role.RUN: "run", Role.ADMIN: "admin"}
READ, RUN, ADMIN = Role.READ, Role.RUN, Role.ADMIN
OPEN: Final = None
"""For everybody: what is needed to log in."""

Needed = Mapping[str, Role | None]

_EDITED: Needed = {"GET": READ, "PUT": RUN, "POST": RUN, "PATCH": RUN, "DELETE": RUN}
_RUN: Needed = {"POST": RUN}
_ADMIN: Needed = {"GET": ADMIN, "PUT": ADMIN, "POST": ADMIN}
_READ: Needed = {"GET": READ, "HEAD": READ}

ROUTES: Mapping[str, Needed] = {
    "/": {"GET": OPEN},
    "/frame": {"GET": OPEN},
    "/assets/{name}": {"GET": OPEN},
    "/api/session": {"GET": OPEN, "POST": OPEN, "DELETE": OPEN},
    "/health": _READ,
    "/metrics": _READ,
    "/openapi.json": _READ,
    "/api/plugins/{name}/config": _ADMIN,
    "/api/plugins/{name}/restart": _ADMIN,
    "/api/plugins/{name}/replicas/{address}": {"PUT": ADMIN, "DELETE": ADMIN},
    "/api/plugins": _READ,
    "/api/plugins/{path:path}": _READ,
    "/api/attestations": _EDITED,
    "/api/attestations/{path:path}": _READ,
    "/api/canvas": _READ,
    "/api/canvas/{path:path}": _EDITED,
    "/api/events": _READ,
    "/api/ix": _RUN,
    "/api/pulse/{path:path}": _EDITED,
    "/api/scripts": _EDITED,
    "/api/scripts/{path:path}": _EDITED,
    "/api/v1/capsules/{path:path}": _READ,
    "/api/watchers": _EDITED,
    "/api/watchers/{path:path}": _EDITED,
    "/api/python/cancel": _RUN,
    # What a plugin answers itself. Whatever else it may be asked to do, such as installing packages, changes it.
    "/api/{plugin}/execute": _RUN,
    "/api/{plugin}/evaluate": _RUN,
    "/api/{plugin}/execute-file": _RUN,
    "/api/{plugin}/modules": {"GET": READ, "POST": READ},
    "/api/{plugin}/uv/check": {"GET": READ, "POST": READ},
    "/api/{plugin}/pip/check": {"GET": READ, "POST": READ},
    "/api/{plugin}": _READ,
    "/api/{plugin}/{path:path}": _READ,
    "/ws/{plugin}": {"WEBSOCKET": RUN},
}

_COMPILED = [(compile_path(path)[0], needed) for path, needed in ROUTES.items()]


def needed(method: str, path: str) -> Role | None:
    """The least role that may do this; None where anybody may."""
    for pattern, roles in _COMPILED:
        if pattern.fullmatch(path):
            return roles.get(method, ADMIN)
    return ADMIN
