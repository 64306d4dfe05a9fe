"""One ledger: the file in which one process at a time notes what it starts.

Appended to, one write a line: what has been written survives the death of any process, and with `power` of the machine
too. Whoever writes holds a lock on the file as long as it lives. The kernel lets go of it however the owner dies, so
what a dead owner has left open is known without guessing about process ids.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Collection
from pathlib import Path

from qntx.capsules import entries
from qntx.capsules.entries import Account, Intent

LONG_BYTES = 1024 * 1024
"""After which a journal is written anew, without what is sealed."""
OPEN_FEW = 256
"""As long as this many go on, writing it anew would not make it short."""


class Journal:
    """A ledger that this process holds."""

    def __init__(self, path: Path, handle: int, account: Account, *, power: bool) -> None:
        self._path = path
        self._handle = handle
        self._account = account
        self._power = power
        self._size = os.fstat(handle).st_size
        self._environments: dict[str, tuple[int, bytes]] = {}
        """What the file says already, so that a run only refers to it."""

    @classmethod
    def new(cls, folder: Path, *, power: bool = False) -> Journal:
        while True:
            path = folder / uuid.uuid4().hex
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
            held = cls.take(path, power=power)
            # None where somebody who looks for a free one was quicker.
            if held is not None:
                return held

    @classmethod
    def take(cls, path: Path, *, power: bool = False) -> Journal | None:
        """Hold what nobody holds. None where its owner lives, or has just written it anew."""
        try:
            handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return cls._opened(path, handle, power)
        except (BlockingIOError, FileNotFoundError):
            os.close(handle)
            return None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        return None

    @classmethod
    def _opened(cls, path: Path, handle: int, power: bool) -> Journal:
        data = path.read_bytes()
        if data and not data.endswith(b"\n"):
            os.write(handle, b"\n")  # What comes next is not to be read as part of a torn line.
        return cls(path, handle, entries.fold(path.name, data), power=power)

    @property
    def name(self) -> str:
        return self._path.name

    @property
    def left(self) -> list[Intent]:
        """What its dead owner has left open."""
        return list(self._account.open.values())

    @property
    def settled(self) -> bool:
        """Has everything that was started in it its record?"""
        return not self._account.lines

    def begin(self, capsule_id: str, tenant_id: str | None, opening: str, environment: str) -> int:
        """Note that this is about to start. Returns its number, which is also how many have been started."""
        number = self._account.started + 1
        lines = []
        key = 0
        if environment:
            known = self._environments.get(environment)
            key = known[0] if known else len(self._environments) + 1
            lines.append(known[1] if known else entries.environment(key, environment))
        lines.append(entries.begin(number, capsule_id, tenant_id, key, opening))
        if key > len(self._environments):
            self._append(b"".join(lines))
            self._environments[environment] = (key, lines[0])
        else:
            self._append(lines[-1])
        self._account.started = number
        self._account.lines[number] = lines
        return number

    def end(self, number: int, ending: str) -> None:
        line = entries.end(number, ending)
        self._append(line)
        self._account.lines[number].append(line)

    def seal(self, numbers: Collection[int]) -> None:
        """These have their records."""
        self._append(entries.sealed(list(numbers)))
        for number in numbers:
            self._account.lines.pop(number, None)
        if self._size > LONG_BYTES and len(self._account.lines) < OPEN_FEW:
            self._write_anew()

    def close(self) -> None:
        """Let go of it. What is open in it is left for recovery."""
        os.close(self._handle)

    def _append(self, line: bytes) -> None:
        written = os.write(self._handle, line)
        if written < len(line):
            os.ftruncate(self._handle, self._size)
            raise OSError(f"only {written} of {len(line)} bytes could be written")
        self._size += written
        if self._power:
            os.fdatasync(self._handle)

    def _write_anew(self) -> None:
        """Without what is sealed. The new file is held before it has the name."""
        beside = self._path.with_name(f".{self._path.name}")
        text = b"".join(entries.retained(self._account))
        handle = os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.write(handle, text) < len(text):
                raise OSError("the journal could not be written anew")
            if self._power:
                os.fdatasync(handle)
            os.replace(beside, self._path)
        except BaseException:
            os.close(handle)
            raise
        os.close(self._handle)
        self._handle, self._size = handle, len(text)
        self._environments.clear()
