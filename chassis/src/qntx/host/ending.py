"""Sees that the process ends, whatever still waits for a database or a machine that is gone for good.

Python waits at its end for every thread, and some are not ours: DBOS goes on asking for its database for ever.
"""

from __future__ import annotations

import os
import sys
import threading
import time

import structlog

EXIT_CODE = 1

log = structlog.get_logger("qntx.host")


class Ending:
    """Does nothing until it is told how long the rest may take."""

    def __init__(self) -> None:
        self._deadline: float | None = None
        self._sooner = threading.Condition()

    @property
    def begun(self) -> bool:
        return self._deadline is not None

    def within(self, seconds: float) -> None:
        """The process ends within that time, or is ended then. Told again, the sooner end holds."""
        with self._sooner:
            begun, deadline = self.begun, time.monotonic() + seconds
            self._deadline = min(self._deadline or deadline, deadline)
            self._sooner.notify()
        if not begun:
            threading.Thread(target=self._watch, name="the end", daemon=True).start()

    def _watch(self) -> None:
        with self._sooner:
            while (left := (self._deadline or 0.0) - time.monotonic()) > 0:
                self._sooner.wait(left)
        log.error("the host ends while something still waits; the next one takes over", waiting=_waiting())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(EXIT_CODE)


def _waiting() -> list[str]:
    """The threads that Python would wait for."""
    return sorted(each.name for each in threading.enumerate() if each.is_alive() and not each.daemon)
