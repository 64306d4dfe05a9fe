"""What a plugin prints: the last lines in memory, all of them in a file, new ones to whoever follows."""

from __future__ import annotations

import asyncio
import json
import logging
import logging.handlers
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

LINES_KEPT = 200
LINE_CHARACTERS_MAX = 16 * 1024
FILE_BYTES_MAX = 10 * 1024 * 1024
FILES_KEPT = 2
LEVELS = {"stdout": "info", "stderr": "debug"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line, with the level it claims for itself or that its stream stands for."""

    timestamp: str
    level: str
    line: str
    source: str


class Output:
    """The lines of one plugin, across its restarts."""

    def __init__(self, name: str, file: Path) -> None:
        self._name = name
        self._lines: deque[Line] = deque(maxlen=LINES_KEPT)
        self._followers: set[asyncio.Queue[Line]] = set()
        self._file = logging.handlers.RotatingFileHandler(
            file, maxBytes=FILE_BYTES_MAX, backupCount=FILES_KEPT, encoding="utf-8", errors="replace", delay=True
        )

    def started(self) -> None:
        """Mark in the file where a process begins."""
        stamp = datetime.now().isoformat(timespec="milliseconds")
        self._write(f"\n========== {self._name.upper()} START {stamp} ==========")

    def add(self, text: str, source: str) -> None:
        """Keep a line; an empty one is dropped."""
        text = text.strip()
        if not text:
            return
        if len(text) > LINE_CHARACTERS_MAX:
            text = text[:LINE_CHARACTERS_MAX] + "…"
        line = Line(datetime.now(UTC).isoformat(timespec="milliseconds"), _level(text, source), text, source)
        self._lines.append(line)
        self._write(f"{line.timestamp}\t{line.level.upper()}\t{line.line}")
        for follower in self._followers:
            if not follower.full():  # who reads slower than the plugin prints misses lines
                follower.put_nowait(line)

    def lines(self) -> list[Line]:
        """The last ones, oldest first."""
        return list(self._lines)

    async def follow(self) -> AsyncGenerator[Line, None]:
        """The last ones, then each new one."""
        with self._following() as queue:
            for line in self.lines():
                yield line
            while True:
                yield await queue.get()

    def close(self) -> None:
        self._file.close()

    @contextmanager
    def _following(self) -> Iterator[asyncio.Queue[Line]]:
        queue: asyncio.Queue[Line] = asyncio.Queue(maxsize=10 * LINES_KEPT)
        self._followers.add(queue)
        try:
            yield queue
        finally:
            self._followers.discard(queue)

    def _write(self, text: str) -> None:
        self._file.emit(logging.LogRecord(self._name, logging.INFO, "", 0, text, None, None))


def _level(text: str, source: str) -> str:
    if text.startswith("{"):
        try:
            level = json.loads(text).get("level")
        except ValueError:
            level = None
        if isinstance(level, str) and level:
            return level.lower()
    return LEVELS[source]
