"""Connections to SQLite files, set up one way.

Write-ahead log, so that readers never wait for the writer; files that only their owner may read.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from qntx.errors import Unavailable

Synchronous = Literal["OFF", "NORMAL", "FULL", "EXTRA"]

BUSY_TIMEOUT_SECONDS = 30.0
"""How long to wait for another process that writes to the same file."""

PAGE_CACHE_KIB = 64 * 1024

LOG_PAGES = 1000
"""SQLite's own: so many pages of the log, and they are written back."""


def connect(path: Path, *, synchronous: Synchronous = "FULL", log_pages: int = LOG_PAGES) -> sqlite3.Connection:
    """Open for reading and writing; the file, and where needed its folder, are made. Transactions are the caller's."""
    _make_private(path)
    checkpoint = f"wal_autocheckpoint = {log_pages}"
    return _open(path, "journal_mode = WAL", f"synchronous = {synchronous}", checkpoint, "foreign_keys = ON")


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open an existing file for reading only."""
    # Not mode=ro: a reader that comes first must be able to make the log's shared memory.
    return _open(path, "query_only = ON")


def _open(path: Path, *pragmas: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode=rw"
    try:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise Unavailable(f"{path}: {error}; does it exist, and may this user open it?") from error
    try:
        for pragma in (f"cache_size = -{PAGE_CACHE_KIB}", *pragmas):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error as error:
        connection.close()
        raise Unavailable(
            f"{path}: {error}; is it a database, and may this user write to it and its folder?"
        ) from error
    return connection


def _make_private(path: Path) -> None:
    """SQLite gives its log and shared memory the mode of the file itself, so this covers them."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}; it is where data is kept, so it has to be writable") from error
