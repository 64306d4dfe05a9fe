"""The file that says which host is running and where it answers: `host.json`."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Presence:
    """A running host. `started_at` tells it from a later process that got the same pid."""

    url: str
    pid: int
    started_at: float
    token: str = ""
    """What lets this machine's command line in, where the host demands tokens."""
    certificate: str = ""
    """The file of the one it shows, where it answers by TLS."""

    @classmethod
    def of_this_process(cls, url: str, token: str = "", certificate: str = "") -> Presence:
        started_at = psutil.Process().create_time()
        return cls(url=url, pid=os.getpid(), started_at=started_at, token=token, certificate=certificate)

    def alive(self) -> bool:
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started_at) < 1.0
        except psutil.Error:
            return False


def announce(path: Path, presence: Presence) -> None:
    """Write the file whole or not at all, readable by its owner only."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(presence), file)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def running(path: Path) -> Presence | None:
    """The host that the file speaks of. None where there is none, or where it died without removing the file."""
    try:
        presence = Presence(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return presence if presence.alive() else None


def withdraw(path: Path, presence: Presence) -> None:
    """Remove the file if it still speaks of this host."""
    if running(path) == presence:
        path.unlink(missing_ok=True)
