"""What has been started on this machine and has no record yet.

A run is noted before it starts, and noted as sealed when its capsule is committed. Each process appends to a journal of
its own, so that noting one is a single small write that waits for nobody; the journals of one chain lie in one folder.
A process that starts goes on with a journal that a former one has left with nothing open, so there are no more of them
than there were processes at one time.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from qntx.capsules import entries, fork
from qntx.capsules.journal import Journal
from qntx.errors import StorageError

DURABLE = ("process", "power")

Answer = TypeVar("Answer")


class Noted(NamedTuple):
    """A run's place: which ledger, and its number there, which is also how many had been started by then."""

    ledger: str
    number: int


class Standing(Protocol):
    """Says how many runs each ledger has started, and which of them have not ended."""

    def read(self) -> tuple[dict[str, int], dict[str, set[int]]]: ...


class Intents:
    """The intents of one machine. Several processes share the folder."""

    def __init__(self, path: Path, *, durable: str = "process") -> None:
        """What is noted survives the death of any `process`, or loss of `power` too, for one fdatasync more."""
        if durable not in DURABLE:
            raise StorageError(f'durable is "process" or "power", not {durable!r}')
        self.path = path
        self._power = durable == "power"
        self._lock = threading.Lock()
        self._journal: Journal | None = None
        self._settled: deque[Noted] = deque()
        fork.register(self)

    def begin(self, capsule_id: str, opening: str, tenant_id: str | None, environment: str = "") -> Noted:
        """Note that this is about to start. `opening` is JSON text, `environment` what it shares with other runs."""

        def note() -> Noted:
            if self._journal is None:
                self._journal = self._take()
            number = self._journal.begin(capsule_id, tenant_id, opening, environment)
            return Noted(self._journal.name, number)

        return self._do(note)

    def end(self, noted: Noted, ending: str) -> None:
        """Note how it ended, so that the record says so even if the seal is another process's to make."""

        def note() -> None:
            # A fork's child may end what its parent has begun, and only the parent can note that.
            if self._journal is not None and self._journal.name == noted.ledger:
                self._journal.end(noted.number, ending)

        self._do(note)

    def settled(self, noted: Noted) -> None:
        """It has its record. That is noted later, with others: a record that is sealed again stays the one it is."""
        self._settled.append(noted)

    def forget(self) -> None:
        """Note now what has its record."""
        self._do(self._note_settled)

    def read(self) -> tuple[dict[str, int], dict[str, set[int]]]:
        started, waiting = {}, {}
        for path in self._paths():
            try:
                account = entries.fold(path.name, path.read_bytes())
            except FileNotFoundError:
                continue
            started[path.name] = account.started
            waiting[path.name] = set(account.open)
        return started, waiting

    def orphans(self) -> Iterator[Journal]:
        """Each journal that a dead process has left open, held so that one process alone recovers it."""
        for path in self._paths():
            journal = self._do(lambda path=path: Journal.take(path, power=self._power))  # type: ignore[misc]
            if journal is None:
                continue
            try:
                if journal.left:
                    yield journal
            finally:
                journal.close()

    def recovered(self, journal: Journal, numbers: Collection[int]) -> None:
        """These of an orphan's runs have their records now."""
        if numbers:
            self._do(lambda: journal.seal(numbers))

    def close(self) -> None:
        """Leave. What is open is left for recovery."""
        with self._lock:
            journal = self._journal
            try:
                self._note_settled()
            except OSError as error:
                raise StorageError(f"{self.path}: {error}") from error
            finally:
                self._journal = None
                if journal is not None:
                    journal.close()

    def before_fork(self) -> None:
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        self._lock = threading.Lock()
        self._settled.clear()
        if self._journal is not None:
            self._journal.close()  # The parent's lock: the child must not keep it held when the parent is dead.
            self._journal = None

    def at_exit(self) -> None:
        self.close()

    def _do(self, work: Callable[[], Answer]) -> Answer:
        with self._lock:
            try:
                return work()
            except OSError as error:
                raise StorageError(f"{self.path}: {error}. What is started cannot be noted.") from error

    def _take(self) -> Journal:
        """A journal to go on with: one that is nobody's and has nothing open, else a new one."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in self._paths():
            journal = Journal.take(path, power=self._power)
            if journal is not None:
                if journal.settled:
                    return journal
                journal.close()
        return Journal.new(self.path, power=self._power)

    def _paths(self) -> list[Path]:
        """Not those that are being written anew."""
        try:
            return sorted(self.path / name for name in os.listdir(self.path) if not name.startswith("."))
        except FileNotFoundError:
            return []

    def _note_settled(self) -> None:
        if self._journal is None:
            self._settled.clear()
            return
        mine = []
        while self._settled:
            noted = self._settled.popleft()
            if noted.ledger == self._journal.name:
                mine.append(noted.number)
        if mine:
            self._journal.seal(mine)
