"""Whose rights a worker has: never root's, where that can be helped."""

from __future__ import annotations

import os

from qntx.worker.sandbox import kernel

NOBODY = 65534


def drop_root() -> None:
    """Become nobody, for good. Only root can; for anybody else it is an error."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    # The kernel made /proc/self root's when the identity changed; a user namespace is set up by writing there.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)


def map_to_nobody(uid: int, gid: int, proc: str = "/proc") -> None:
    """In a user namespace just made, let the user who made it be nobody inside."""
    _write(f"{proc}/self/setgroups", "deny")
    _write(f"{proc}/self/uid_map", f"{NOBODY} {uid} 1")
    _write(f"{proc}/self/gid_map", f"{NOBODY} {gid} 1")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
