"""The directory of an engine's scratch files, and of those engines that were killed before they could remove theirs.

A lock tells the living from the dead: the kernel lets go of it when its holder ends, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

PREFIX = "qntx-"
OWNER = "owner"


class Scratch:
    """A directory of one's own, from `open` to `close`."""

    def __init__(self, parent: str | None = None) -> None:
        self._parent = parent or tempfile.gettempdir()

    def open(self) -> None:
        """Make it, and remove those that nobody holds any more."""
        for left in _left_behind(self._parent):
            shutil.rmtree(left, ignore_errors=True)
        self.path = tempfile.mkdtemp(prefix=PREFIX, dir=self._parent)
        # Workers of root are nobody's, and must be able to pass; what lies within is not theirs to list.
        os.chmod(self.path, 0o711)
        self._lock = _hold(Path(self.path))

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _hold(directory: Path) -> int:
    """Lock first, name afterwards: whoever finds the name finds the lock held."""
    unnamed = directory / f".{OWNER}"
    lock = os.open(unnamed, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    unnamed.rename(directory / OWNER)
    return lock


def _left_behind(parent: str) -> list[str]:
    return [entry.path for entry in os.scandir(parent) if entry.name.startswith(PREFIX) and _is_left_behind(entry.path)]


def _is_left_behind(path: str) -> bool:
    """Is it a directory of ours whose owner is dead? Without a lock in it, it is something else of that name."""
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return False
        lock = os.open(f"{path}/{OWNER}", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        finally:
            os.close(lock)
    return False
