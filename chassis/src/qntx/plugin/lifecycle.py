"""When a plugin ends: it is told to, or whoever started it is gone.

QNTX sends Shutdown, then SIGINT; others send SIGTERM. A host that was killed sends nothing: then the pipe on stdin
ends, or the parent is another one than before. Whatever the reason, the process is gone within three seconds, but for
SIGTERM where it was started with time to drain.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

STDIN = 0
HARD_STOP_SECONDS = 2.5
PARENT_LOOK_SECONDS = 0.5

_log = logging.getLogger("qntx.plugin")


class Lifecycle:
    """Waits for a reason to end."""

    def __init__(self) -> None:
        self._reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._at_once = asyncio.Event()

    def end(self, reason: str, *, at_once: bool = True) -> None:
        """Ask for the end; the first reason counts. What is under way may end first, unless it is `at_once`: so is
        whatever is asked again."""
        if at_once or self._reason.done():
            self._at_once.set()
        if not self._reason.done():
            self._reason.set_result(reason)

    async def ended(self) -> str:
        return await asyncio.shield(self._reason)

    async def pressing(self) -> None:
        """Wait until the end must not be put off any more."""
        await self._at_once.wait()

    @contextmanager
    def watching(self, *, parent: bool) -> Iterator[None]:
        """Listen for signals and, where `parent` says so, for the parent's end."""
        loop = asyncio.get_running_loop()
        with ExitStack() as watches:
            for number in (signal.SIGTERM, signal.SIGINT):
                end = partial(self.end, number.name, at_once=number != signal.SIGTERM)
                loop.add_signal_handler(number, end)
                watches.callback(loop.remove_signal_handler, number)
            if parent:
                self._watch_stdin(watches)
                self._watch_parent(watches)
            yield

    def _watch_stdin(self, watches: ExitStack) -> None:
        if not _is_pipe(STDIN):
            return

        def read() -> None:
            if not os.read(STDIN, 65_536):
                loop.remove_reader(STDIN)
                self.end("stdin ended: the host is gone")

        loop = asyncio.get_running_loop()
        loop.add_reader(STDIN, read)
        watches.callback(loop.remove_reader, STDIN)

    def _watch_parent(self, watches: ExitStack) -> None:
        parent = os.getppid()

        async def look() -> None:
            while not self._reason.done():
                if os.getppid() != parent:
                    self.end("the process that started this one is gone")
                await asyncio.wait([self._reason], timeout=PARENT_LOOK_SECONDS)

        watches.callback(asyncio.get_running_loop().create_task(look()).cancel)


def force_end_later(seconds: float = HARD_STOP_SECONDS) -> None:
    """End the process after that long, come what may. Its workers die with it: the kernel sees to that."""

    def force() -> None:
        _log.error("still not ended after %g s; leaving now", seconds)
        os._exit(1)

    timer = threading.Timer(seconds, force)
    timer.daemon = True
    timer.start()


def _is_pipe(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
