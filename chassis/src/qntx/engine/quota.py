"""Ends a run that puts too much into its scratch directory, where that is a folder on the machine's disk.

In the full sandbox the directory is memory of a fixed size. Elsewhere the kernel bounds each file, not their sum; so we
look, twice a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from itertools import chain

from qntx.worker.sandbox.policy import scratch_files_max

LOOK_SECONDS = 0.5
# Files come and go while we look, and so does the run.
_GONE = contextlib.suppress(FileNotFoundError, NotADirectoryError, ProcessLookupError)


class Watch:
    """Over one run, from `start` to `stop`."""

    def __init__(self, directory: str, pid: int, scratch_mib: int, on_excess: Callable[[str], None]) -> None:
        self._directory = directory
        self._pid = pid
        self._scratch_mib = scratch_mib
        self._on_excess = on_excess
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._begin)

    def stop(self) -> None:
        for each in (self._timer, self._task):
            if each is not None:
                each.cancel()

    def _begin(self) -> None:
        # Most runs are over by now, and never had a task for this.
        self._task = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        why = await asyncio.to_thread(excess, self._directory, self._pid, self._scratch_mib)
        if why:
            self._on_excess(why)
        else:
            self.start()


def excess(directory: str, pid: int, scratch_mib: int) -> str:
    """What is too much there; empty where nothing is."""
    bytes_left, files_left = scratch_mib * 1024 * 1024, scratch_files_max(scratch_mib)
    try:
        for found in chain(_named(directory), _nameless(pid)):
            bytes_left -= 512 * found.st_blocks
            files_left -= 1
            if bytes_left < 0:
                return f"its scratch directory held more than {scratch_mib} MiB"
            if files_left < 0:
                return f"its scratch directory held more than {scratch_files_max(scratch_mib)} files"
    except OSError as fault:
        # Too deep or too private, which nothing but a hiding place is.
        return f"its scratch directory could not be looked into: {fault}"
    return ""


def _named(directory: str) -> Iterator[os.stat_result]:
    """All that is in it."""
    folders = [directory]
    while folders:
        with _GONE, os.scandir(folders.pop()) as entries:
            for entry in entries:
                with _GONE:
                    yield entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _nameless(pid: int) -> Iterator[os.stat_result]:
    """What the process has open and took the name from."""
    with _GONE, os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            with _GONE:
                found = os.stat(entry.path)
                if stat.S_ISREG(found.st_mode) and not found.st_nlink:
                    yield found
