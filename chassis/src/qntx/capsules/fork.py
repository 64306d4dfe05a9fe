"""What holds threads and database connections lets go of them before a fork and at exit.

A child must not inherit an open SQLite connection: the locks that its memory says it has are the parent's, and the
parent, seeing no other, may delete the log that the child then writes to. So nothing is open when the fork happens: the
parent finishes the batch under way and closes; both open again when they next need to.

The last to register goes first: what makes work is held before what it gives the work to, or each would wait for the
other.
"""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Protocol


class Holder(Protocol):
    """Something with a thread or a connection."""

    def before_fork(self) -> None:
        """Finish what is half done, close what is open, and let nobody begin."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Begin anew: no thread, nothing queued; what was queued is the parent's to do."""

    def at_exit(self) -> None:
        """Finish everything."""


_holders: dict[int, weakref.ref[Holder]] = {}
_forking: list[Holder] = []


def register(holder: Holder) -> None:
    key = id(holder)
    _holders[key] = weakref.ref(holder, lambda gone: _holders.pop(key, None))


def _living() -> list[Holder]:
    return [holder for reference in reversed(list(_holders.values())) if (holder := reference()) is not None]


def _before() -> None:
    _forking[:] = _living()
    for holder in _forking:
        holder.before_fork()


def _in_parent() -> None:
    for holder in _forking:
        holder.after_fork_in_parent()
    _forking.clear()


def _in_child() -> None:
    for holder in _forking:
        holder.after_fork_in_child()
    _forking.clear()


def _at_exit() -> None:
    for holder in _living():
        holder.at_exit()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
atexit.register(_at_exit)
