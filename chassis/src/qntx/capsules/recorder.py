"""Exactly one capsule for every execution, whatever becomes of it.

For whoever runs other people's code and outlives it. `begin` notes the intent before the code starts and gives it its
number; `finish` queues the capsule and returns at once; what a dead process has left open, `recover` seals as a
failure:

    recorder = Recorder(Capsules(path))
    recorder.recover()
    run = recorder.begin(capsule)
    ...
    run.finish("success")

`begin` and `finish` each cost one small write without an fsync. The record is made and sealed a moment later, on other
threads, many at a time, so that whoever ran the code is answered first; `await run.sealed()` waits for it, where
somebody must know.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from qp_capsule.capsule import Capsule

from qntx.capsules import capsule as capsules
from qntx.capsules.audit import Capsules
from qntx.capsules.canonical import HOLE
from qntx.capsules.capsule import RUN
from qntx.capsules.capture import text
from qntx.capsules.intents import Intent, Intents
from qntx.capsules.record import Draft, Record
from qntx.capsules.storage.foreign import ForeignStorage
from qntx.capsules.storage.writer import Writer
from qntx.errors import CapsuleError, StorageError

log = logging.getLogger("qntx.capsules.recorder")

DIED = "the process that ran this died before it ended"


class _Ended(NamedTuple):
    run: Run
    record: Future[Record]


class Recorder:
    """Records the executions of one process. Any number of processes record into one chain."""

    def __init__(self, capsules: Capsules, intents: Path | None = None) -> None:
        """`intents` is this machine's own file; by default it stands beside the chain's."""
        if isinstance(capsules.chain.storage, ForeignStorage):
            raise CapsuleError("a Recorder needs a storage that orders records by itself: a SQLite file or PostgreSQL")
        self._capsules = capsules
        self.intents = Intents(intents) if intents is not None else capsules.intents
        self._unkept: deque[tuple[Draft, str | None]] = deque()
        """What the storage would not take; tried again when it takes another."""
        self._making: Writer[_Ended, None] = Writer(self._make, lambda: None)

    def begin(self, capsule: Capsule, tenant_id: str | None = None) -> Run:
        """Note that what this capsule describes is about to start. Raises CapsuleError where that cannot be noted."""
        intent = json.dumps(capsules.opening(capsule))
        number, started = self.intents.begin(str(capsule.id), intent, tenant_id)
        return Run(self, capsule, tenant_id, number, started)

    def recover(self) -> list[Future[Record]]:
        """Seal what dead processes have left: as failures, or with the outcome where it was known already.

        What had its record, and was only not forgotten yet, keeps the one it has.
        """
        sealed = []
        for _, left in self.intents.orphans():
            futures = [self._seal(_recovered(intent, self.intents), intent.tenant_id) for intent in left]
            for future in futures:
                # Held until committed: were this process to die now, the next one finds them again.
                future.exception()
            sealed += futures
        self.intents.forget()
        return sealed

    def close(self) -> None:
        """Leave. Runs that have not finished become recoverable."""
        self._making.close()
        self.intents.close()

    def _finish(self, run: Run) -> Future[Record]:
        try:
            self.intents.end(run.id, json.dumps(capsules.opening(run.capsule)))
        except Exception:
            # Whatever audited code put into its capsule, and whatever the disk does: it is about to be sealed all the
            # same. The note was for the case that this process dies first.
            log.exception("the end of run %s could not be noted", run.number)
        record: Future[Record] = Future()
        self._making.submit(_Ended(run, record), hurried=False)
        return record

    def _make(self, batch: Sequence[_Ended]) -> Sequence[None]:
        self.intents.forget()
        for run, record in batch:
            draft = _numbered(run.capsule, self.intents.ledger, run.number, run.started)
            self._seal(draft, run.tenant_id).add_done_callback(partial(_pass_on, record))
        return [None] * len(batch)

    def _seal(self, draft: Draft, tenant_id: str | None) -> Future[Record]:
        future = self._capsules.chain.storage.append(draft, self._capsules.seal, tenant_id)
        future.add_done_callback(lambda done: self._settled(draft, tenant_id, done))
        return future

    def _settled(self, draft: Draft, tenant_id: str | None, done: Future[Record]) -> None:
        """The intent goes when the record is committed; until then it stays open, whoever lives to see to it."""
        error = done.exception()
        if error is None:
            self.intents.settled(draft.id)
            self._try_again()
            return
        log.error("capsule %s could not be sealed: %s", draft.id, error)
        if isinstance(error, StorageError):
            self._unkept.append((draft, tenant_id))

    def _try_again(self) -> None:
        for _ in range(len(self._unkept)):
            self._seal(*self._unkept.popleft())


class Run:
    """One execution under way. Leaving it as a context without `finish` records a failure."""

    def __init__(self, recorder: Recorder, capsule: Capsule, tenant_id: str | None, number: int, started: int) -> None:
        self.capsule = capsule
        """Enrich it until `finish`."""
        self.tenant_id = tenant_id
        self.number = number
        self.started = started
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
        self._record = self._recorder._finish(self)
        return self._record

    async def sealed(self) -> Record:
        """Wait until the record is kept. Cancelling this cancels nothing else."""
        if self._record is None:
            raise CapsuleError("this run has not finished; finish() comes before sealed()")
        return await asyncio.shield(asyncio.wrap_future(self._record))

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.finish("failure", error=text(error) if error is not None else "the run was left without an outcome")


def _numbered(capsule: Capsule, ledger: str, number: int, started: int) -> Draft:
    environment: object = capsule.context.environment
    run = {"ledger": ledger, "number": number, "started": started, "counts": HOLE}
    capsule.context.environment = {**(environment if isinstance(environment, dict) else {}), RUN: run}
    return capsules.draft(capsule)


def _pass_on(record: Future[Record], done: Future[Record]) -> None:
    error = done.exception()
    if error is not None:
        record.set_exception(error)
    else:
        record.set_result(done.result())


def _recovered(intent: Intent, intents: Intents) -> Draft:
    capsule = Capsule.from_dict(json.loads(intent.content))
    if not intent.ended:
        capsule.outcome.status = "failure"
        capsule.outcome.error = DIED
        capsule.outcome.summary = "recovered"
    return _numbered(capsule, intents.ledger, intent.number, intent.number)
