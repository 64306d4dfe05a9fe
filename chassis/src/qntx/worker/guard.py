"""The process that stays behind a zygote, and ends what runs had started where the zygote is killed.

On the full rung a tree of processes ends with its first one. Elsewhere what a run starts comes to the zygote when its
worker ends; where that is gone, it comes here.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Container

from qntx.worker.sandbox import kernel


def stand_behind() -> None:
    """Return in a new process. The old one stays, and ends after it, with all that it leaves."""
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    zygote = os.fork()
    if not zygote:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        return
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, status = os.waitpid(zygote, 0)
    end_children()
    os._exit(os.waitstatus_to_exitcode(status) & 0x7F)


def kill_children(spared: Container[int] = ()) -> None:
    """Kill what we have started and what was left to us. Their own children come to us then."""
    with open("/proc/thread-self/children", encoding="utf-8") as children:
        for pid in map(int, children.read().split()):
            if pid not in spared:
                os.kill(pid, signal.SIGKILL)


def end_children() -> None:
    """Kill them and all that comes to us, until there is nothing left."""
    with contextlib.suppress(ChildProcessError):
        while True:
            kill_children()
            os.waitpid(-1, 0)
