"""Exactly one capsule for every execution, whatever becomes of it.

For whoever runs other people's code and outlives it. `begin` notes the intent before the code starts and gives it its
number; `finish` queues the capsule and returns at once; what a dead process has left open, `recover` seals as a
failure:

    recorder = Recorder(Capsules(path))
    recorder.recover()
    run = recorder.begin(capsule)
    ...
    run.finish("success")

`begin` and `finish` each cost one small write. The record is made and sealed a moment later, on other threads, many at
a time, so that whoever ran the code is answered first; `await run.sealed()` waits for it, where somebody must know.
Whom even making a capsule would keep waiting, notes its text (`note`, `conclude`) and makes the capsule later.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from qp_capsule.capsule import Capsule, OutcomeSection

from qntx.capsules import capsule as capsules
from qntx.capsules import fork
from qntx.capsules.audit import Capsules
from qntx.capsules.canonical import HOLE
from qntx.capsules.capsule import RUN
from qntx.capsules.capture import text
from qntx.capsules.entries import Intent
from qntx.capsules.intents import Intents, Noted
from qntx.capsules.record import Draft, Record
from qntx.capsules.storage.foreign import ForeignStorage
from qntx.capsules.storage.writer import Writer
from qntx.errors import CapsuleError, StorageError

log = logging.getLogger("qntx.capsules.recorder")

COMPANY_SECONDS = 0.02
"""How long what has ended waits for others, so that they share a commit and whoever asked is answered first."""
SEALED_SECONDS = 5.0
"""For which closing waits for the storage. Whatever takes longer is sealed by whoever recovers it."""
DIED = "the process that ran this died before it ended"


class _Ended(NamedTuple):
    noted: Noted
    tenant_id: str | None
    make: Callable[[], Capsule]
    record: Future[Record]


class Recorder:
    """Records the executions of one process. Any number of processes record into one chain."""

    def __init__(self, capsules: Capsules, intents: Path | None = None, *, durable: str = "process") -> None:
        """`intents` is this machine's own folder; by default it stands beside the chain. `durable` as for Intents."""
        if isinstance(capsules.chain.storage, ForeignStorage):
            raise CapsuleError("a Recorder needs a storage that orders records by itself: a SQLite file or PostgreSQL")
        self._capsules = capsules
        own = intents is not None or durable != "process"
        self.intents = Intents(intents or capsules.intents.path, durable=durable) if own else capsules.intents
        self._unkept: deque[tuple[Draft, Noted, str | None]] = deque()
        """What the storage would not take; tried again when it takes another."""
        self._sealing = _Sealing()
        self._making: Writer[_Ended, None] = Writer(self._make, lambda: None, company_seconds=COMPANY_SECONDS)

    def begin(self, capsule: Capsule, tenant_id: str | None = None) -> Run:
        """Note that what this capsule describes is about to start. Raises CapsuleError where that cannot be noted."""
        noted = self.note(str(capsule.id), json.dumps(capsules.opening(capsule)), tenant_id)
        return Run(self, capsule, tenant_id, noted)

    def note(self, capsule_id: str, opening: str, tenant_id: str | None = None, environment: str = "") -> Noted:
        """The same by the JSON text of what is known of the capsule, and of what its environment shares with others."""
        return self.intents.begin(capsule_id, opening, tenant_id, environment)

    def conclude(
        self, noted: Noted, ending: str, make: Callable[[], Capsule], tenant_id: str | None = None
    ) -> Future[Record]:
        """Note how it ended, by the JSON text of the sections that say so. The capsule is made a moment later."""
        try:
            self.intents.end(noted, ending)
        except CapsuleError:
            # It is about to be sealed all the same. The note was for the case that this process dies first.
            log.exception("the end of run %s could not be noted", noted.number)
        record: Future[Record] = Future()
        self._making.leave(_Ended(noted, tenant_id, make, record))
        return record

    def recover(self) -> list[Future[Record]]:
        """Seal what dead processes have left: as failures, or with the outcome where it was known already.

        What had its record, and was only not noted as sealed yet, keeps the one it has.
        """
        sealed: list[Future[Record]] = []
        for journal in self.intents.orphans():
            futures = {intent.number: self._append(_recovered(intent), intent.tenant_id) for intent in journal.left}
            # Held until committed: were this process to die now, the next one finds them again.
            kept = [number for number, future in futures.items() if future.exception() is None]
            self.intents.recovered(journal, kept)
            sealed += futures.values()
        return sealed

    def close(self) -> None:
        """Seal what has finished, and leave. Runs that have not become recoverable."""
        self._making.close()
        self._sealing.wait(SEALED_SECONDS)
        self.intents.close()

    def _make(self, batch: Sequence[_Ended]) -> Sequence[None]:
        """First all drafts, then all of them at once: that is one commit."""
        drafts = [(ended, self._draft(ended)) for ended in batch]
        for ended, draft in drafts:
            if draft is not None:
                self._seal(draft, ended.noted, ended.tenant_id).add_done_callback(partial(_pass_on, ended.record))
        self._forget()
        return [None] * len(batch)

    def _draft(self, ended: _Ended) -> Draft | None:
        try:
            return _numbered(ended.make(), ended.noted)
        except Exception as error:
            # It stays open: sealed by whoever recovers it, with what was noted.
            log.exception("the capsule of run %s could not be made", ended.noted.number)
            ended.record.set_exception(error)
            return None

    def _forget(self) -> None:
        try:
            self.intents.forget()
        except CapsuleError:
            # Their records are kept. Whoever recovers them finds that.
            log.exception("what is sealed could not be noted")

    def _append(self, draft: Draft, tenant_id: str | None) -> Future[Record]:
        return self._capsules.chain.storage.append(draft, self._capsules.seal, tenant_id)

    def _seal(self, draft: Draft, noted: Noted, tenant_id: str | None) -> Future[Record]:
        self._sealing.began()
        future = self._append(draft, tenant_id)
        future.add_done_callback(lambda done: self._settled(draft, noted, tenant_id, done))
        return future

    def _settled(self, draft: Draft, noted: Noted, tenant_id: str | None, done: Future[Record]) -> None:
        """The intent goes when the record is committed; until then it stays open, whoever lives to see to it."""
        error = done.exception()
        if error is None:
            self.intents.settled(noted)
        self._sealing.ended()
        if error is None:
            self._try_again()
            return
        log.error("capsule %s could not be sealed: %s", draft.id, error)
        if isinstance(error, StorageError):
            self._unkept.append((draft, noted, tenant_id))

    def _try_again(self) -> None:
        for _ in range(len(self._unkept)):
            self._seal(*self._unkept.popleft())


class Run:
    """One execution under way. Leaving it as a context without `finish` records a failure."""

    def __init__(self, recorder: Recorder, capsule: Capsule, tenant_id: str | None, noted: Noted) -> None:
        self.capsule = capsule
        """Enrich it until `finish`."""
        self.tenant_id = tenant_id
        self.noted = noted
        self._recorder = recorder
        self._begun = time.monotonic()
        self._record: Future[Record] | None = None

    @property
    def id(self) -> str:
        """The capsule's id, known from the start."""
        return str(self.capsule.id)

    def finish(
        self, status: str, *, error: str | None = None, result: Any = None, duration_ms: int | None = None
    ) -> Future[Record]:
        """Say how it ended. Only the first time counts. Returns at once; the future is done when the record is kept."""
        if self._record is not None:
            return self._record
        outcome = self.capsule.outcome
        outcome.status = status
        outcome.error = error if error is not None else outcome.error
        outcome.result = result if result is not None else outcome.result
        elapsed_ms = int((time.monotonic() - self._begun) * 1000)
        self.capsule.execution.duration_ms = elapsed_ms if duration_ms is None else duration_ms
        self._record = self._recorder.conclude(self.noted, self._ending(), lambda: self.capsule, self.tenant_id)
        return self._record

    def _ending(self) -> str:
        try:
            return json.dumps(capsules.opening(self.capsule))
        except Exception:
            # Whatever audited code put into its capsule: it is about to be sealed all the same.
            log.exception("the end of run %s cannot be noted as it is", self.noted.number)
            return "{}"

    async def sealed(self) -> Record:
        """Wait until the record is kept. Cancelling this cancels nothing else."""
        if self._record is None:
            raise CapsuleError("this run has not finished; finish() comes before sealed()")
        return await asyncio.shield(asyncio.wrap_future(self._record))

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.finish("failure", error=text(error) if error is not None else "the run was left without an outcome")


class _Sealing:
    """How many drafts are on their way into the storage."""

    def __init__(self) -> None:
        self.after_fork_in_child()
        fork.register(self)

    def began(self) -> None:
        with self._changed:
            self._count += 1

    def ended(self) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._count <= 0, seconds)

    def before_fork(self) -> None:
        self._changed.acquire()

    def after_fork_in_parent(self) -> None:
        self._changed.release()

    def after_fork_in_child(self) -> None:
        """What is on its way is the parent's."""
        self._changed = threading.Condition()
        self._count = 0

    def at_exit(self) -> None:
        self.wait(SEALED_SECONDS)


def _numbered(capsule: Capsule, noted: Noted) -> Draft:
    environment: object = capsule.context.environment
    run = {"ledger": noted.ledger, "number": noted.number, "started": noted.number, "counts": HOLE}
    capsule.context.environment = {**(environment if isinstance(environment, dict) else {}), RUN: run}
    return capsules.draft(capsule)


def _pass_on(record: Future[Record], done: Future[Record]) -> None:
    error = done.exception()
    if error is not None:
        record.set_exception(error)
    else:
        record.set_result(done.result())


def _recovered(intent: Intent) -> Draft:
    capsule = _read(intent)
    if not intent.ended:
        capsule.outcome.status = "failure"
        capsule.outcome.error = DIED
        capsule.outcome.summary = "recovered"
    return _numbered(capsule, Noted(intent.ledger, intent.number))


def _read(intent: Intent) -> Capsule:
    try:
        return Capsule.from_dict(intent.document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.error("what was noted of run %s cannot be read: %s", intent.number, error)
        # The same id each time, so that it has one record however often it is recovered.
        place = hashlib.sha256(f"{intent.ledger}/{intent.number}".encode()).digest()
        outcome = OutcomeSection(status="failure", error=f"{DIED}, and what was noted of it cannot be read")
        return Capsule(id=UUID(bytes=place[:16], version=4), outcome=outcome)
