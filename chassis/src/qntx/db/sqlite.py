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


def connect(path: Path, *, synchronous: Synchronous = "FULL") -> sqlite3.Connection:
    """Open for reading and writing; the file, and where needed its folder, are made. Transactions are the caller's."""
    _make_private(path)
    connection = _open(f"file:{quote(str(path))}?mode=rw")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open an existing file for reading only."""
    # Not mode=ro: a reader that comes first must be able to make the log's shared memory.
    connection = _open(f"file:{quote(str(path))}?mode=rw")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _open(uri: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA cache_size = -{PAGE_CACHE_KIB}")
    except sqlite3.Error as error:
        raise Unavailable(f"{uri}: {error}; is it a database, and may this user write to it and its folder?") from error
    return connection


def _make_private(path: Path) -> None:
    """SQLite gives its log and shared memory the mode of the file itself, so this covers them."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}; it is where data is kept, so it has to be writable") from error
