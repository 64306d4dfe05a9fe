"""The directory of an engine's scratch files, and of those engines that were killed before they could remove theirs.

What lies in them was put there by hostile code.

A lock tells the living from the dead: the kernel lets go of it when its holder ends, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import stat
import tempfile
from pathlib import Path

PREFIX = "qntx-"
OWNER = "owner"
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_log = logging.getLogger("qntx.engine")


class Scratch:
    """A directory of one's own, from `open` to `close`."""

    def __init__(self, parent: str | None = None) -> None:
        self._parent = parent or tempfile.gettempdir()

    def open(self) -> None:
        """Make it, and remove those that nobody holds any more."""
        for left in _left_behind(self._parent):
            remove(left)
        self.path = tempfile.mkdtemp(prefix=PREFIX, dir=self._parent)
        # Workers of root are nobody's, and must be able to pass; what lies within is not theirs to list.
        os.chmod(self.path, 0o711)
        self._lock = _hold(Path(self.path))

    def close(self) -> None:
        remove(self.path)
        os.close(self._lock)


def remove(directory: str) -> None:
    """Remove it with all that is in it, folders that may not be listed and those of any depth among them.

    A folder's folders are moved up beside it before it is removed, so that none is ever deep.
    """
    try:
        top = _opened(directory)
        try:
            while folders := _folders(top):
                for folder in folders:
                    inner = _opened(folder, top)
                    try:
                        for each in _folders(inner):
                            os.rename(each, f"{PREFIX}{os.urandom(8).hex()}", src_dir_fd=inner, dst_dir_fd=top)
                    finally:
                        os.close(inner)
                    os.rmdir(folder, dir_fd=top)
        finally:
            os.close(top)
        os.rmdir(directory)
    except FileNotFoundError:
        return
    except OSError as fault:
        _log.warning("%s could not be removed: %s", directory, fault)


def _opened(folder: str, parent: int | None = None) -> int:
    """A descriptor of it, by which it can be listed and changed: a link in its place is not followed."""
    place = os.open(folder, os.O_PATH | _FOLDER, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{place}", 0o700)
        return os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(place)


def _folders(parent: int) -> list[str]:
    """The folders in it, ready to be moved; all else in it is removed."""
    found = []
    with os.scandir(parent) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                os.close(_opened(entry.name, parent))
                found.append(entry.name)
            else:
                os.unlink(entry.name, dir_fd=parent)
    return found


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
