"""Which rung this machine reaches: tried, not guessed."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from qntx.worker.sandbox import kernel, landlock, seccomp
from qntx.worker.sandbox.policy import LANDLOCK, LIMITS, RUNGS, Policy, at_least
from qntx.worker.sandbox.seal import Walls

_NAMESPACES = {
    "user_namespace": kernel.CLONE_NEWUSER,
    "mount_namespace": kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS,
    "pid_namespace": kernel.CLONE_NEWUSER | kernel.CLONE_NEWPID,
    "network_namespace": kernel.CLONE_NEWUSER | kernel.CLONE_NEWNET,
}


class NoRung(Exception):
    """Not even limits can be put on a worker here."""


def primitives() -> dict[str, str]:
    """Each means the kernel may offer: `yes`, or why not."""
    found = {name: _tried(partial(kernel.unshare, flags)) for name, flags in _NAMESPACES.items()}
    found["landlock"] = _tried(landlock.abi)
    if found["landlock"] == "yes":
        version = landlock.abi()
        found["landlock"] = f"yes, ABI {version}"
        found["network_ports"] = "yes" if landlock.knows_ports(version) else f"no: Landlock ABI {version}, it takes 4"
    found["seccomp"] = _tried(_filter) if seccomp.supported() else f"no: unknown machine {kernel.MACHINE}"
    return found


def climb(paths: list[str], scratch_base: str, highest: str) -> tuple[Walls, Mapping[str, str]]:
    """The highest walls that stand when tried, and what was found on the way."""
    found = primitives()
    for rung in reversed(RUNGS):
        if not at_least(highest, rung) or not _possible(rung, found):
            continue
        for drop in (True, False) if os.geteuid() == 0 else (False,):
            walls = Walls(
                rung=rung,
                drop=drop,
                paths=paths,
                scratch_base=scratch_base,
                landlock_abi=landlock.abi() if found["landlock"].startswith("yes") else 0,
                seccomp=found["seccomp"] == "yes",
            )
            outcome = _tried(partial(_rehearse, walls))
            found[f"rung {rung}{' as nobody' if drop else ''}"] = outcome
            if outcome == "yes":
                return walls, found
            if drop:
                # The attempt gave it away.
                os.chown(scratch_base, os.geteuid(), os.getegid())
    raise NoRung(f"no sandbox can be set up: {json.dumps(found)}")


def _possible(rung: str, found: Mapping[str, str]) -> bool:
    if rung == LIMITS:
        return True
    confined = found["landlock"].startswith("yes") and found["seccomp"] == "yes"
    return confined and (rung == LANDLOCK or all(found[name] == "yes" for name in _NAMESPACES))


def _rehearse(walls: Walls) -> None:
    """Put them up and live behind them: what Python needs must be in reach, and what is outside must not."""
    raised = walls.raised().measured()
    raised.before_fork(Policy())
    child = os.fork()
    if child == 0:
        try:
            raised.close(Policy(), os.getpid())
            with open(os.__file__, "rb") as source:
                source.read(1)
            os.listdir(os.path.dirname(os.__file__))
            with open("rehearsal", "w", encoding="utf-8") as scratch:
                scratch.write("written")
            os.unlink("rehearsal")
            os._exit(0)
        except BaseException:
            traceback.print_exc(file=sys.stderr)
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if status:
        raise OSError("a worker cannot live behind these walls")


def _filter() -> None:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    seccomp.install(seccomp.program(Policy()))


def _tried(attempt: Callable[[], Any]) -> str:
    """Do it in a process that is thrown away."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            attempt()
            told = "yes"
        except BaseException as fault:
            told = f"no: {fault}"
        os.write(write, told.encode("utf-8", "replace")[:500])
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        told_bytes = answer.read()
    os.waitpid(child, 0)
    return told_bytes.decode("utf-8", "replace") or "no: the attempt was killed"
