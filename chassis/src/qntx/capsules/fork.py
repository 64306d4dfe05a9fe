"""What holds threads and database connections lets go of them before a fork and at exit.

A child must not inherit an open SQLite connection: the locks that its memory says it has are the parent's, and the
parent, seeing no other, may delete the log that the child then writes to. So nothing is open when the fork happens: the
parent finishes the batch under way and closes; both open again when they next need to.
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


_holders: weakref.WeakSet[Holder] = weakref.WeakSet()
_forking: list[Holder] = []


def register(holder: Holder) -> None:
    _holders.add(holder)


def _before() -> None:
    _forking[:] = list(_holders)
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
    for holder in list(_holders):
        holder.at_exit()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
atexit.register(_at_exit)
