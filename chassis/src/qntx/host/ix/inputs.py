"""The files of this machine that an ingestion is pointed at, and whether its script will be able to read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from qntx.errors import InvalidRequest
from qntx.host.ix.parser import ADDRESS


def existing(text: str) -> Path | None:
    """The file or folder that is meant, links followed; None where there is none. Refused where it cannot be read."""
    if not text or ADDRESS.match(text):
        return None
    try:
        path = Path(text).expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None
    # Where the host is root's its scripts run as nobody, to whom a closed folder looks as if nothing were in it.
    if os.geteuid() == 0 and (closed := _closed_to_others(path)):
        raise InvalidRequest(
            "input",
            f"{path} cannot be read: the host runs as root and its scripts as nobody, and {closed} is closed to "
            "others; open it with `chmod o+rX`, or run the host as the owner",
        )
    return path


def _closed_to_others(path: Path) -> Path | None:
    """The first on the way there that others may not pass, or itself where they may not read it."""
    for folder in reversed(path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
    return None if path.stat().st_mode & wanted == wanted else path
