"""A connection for reading that threads use in turn, and that no fork inherits."""

from __future__ import annotations

import threading
from typing import Generic, Protocol, TypeVar

from qntx.capsules import fork


class Closable(Protocol):
    def close(self) -> None: ...


Connection = TypeVar("Connection", bound=Closable)


class Reading(Generic[Connection]):
    """Who extends it opens the connection when there is none, and holds the lock while it reads."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        fork.register(self)

    def close(self) -> None:
        with self._lock:
            self._close()

    def before_fork(self) -> None:
        self._lock.acquire()
        self._close()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        self._lock = threading.Lock()

    def at_exit(self) -> None:
        self.close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
