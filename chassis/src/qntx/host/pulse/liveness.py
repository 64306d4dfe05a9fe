"""Which executors are alive?

Each holds a lock on a file of its own; the kernel lets go of it when the process dies, however it dies.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Liveness:
    """The locks of all executors that share a folder."""

    def __init__(self, folder: Path, executor: str) -> None:
        self._folder = folder
        self._executor = executor
        self._own: int | None = None

    def hold(self) -> None:
        """Be alive from now on. Raises BlockingIOError when another process is, under the same name."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._own = os.open(self._folder / self._executor, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._own, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def let_go(self) -> None:
        """Twice is the same as once."""
        if self._own is not None:
            (self._folder / self._executor).unlink(missing_ok=True)
            os.close(self._own)
            self._own = None

    def alive(self, executor: str) -> bool:
        if executor == self._executor:
            return self._own is not None
        try:
            descriptor = os.open(self._folder / executor, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def bury(self, executor: str) -> None:
        """Remove what a dead executor left."""
        if not self.alive(executor):
            (self._folder / executor).unlink(missing_ok=True)
