"""Exactly one capsule for every execution, whatever becomes of it.

For whoever runs other people's code and outlives it. `begin` notes the intent before the code starts and gives it its
number; `finish` queues the capsule and returns at once; what a dead process has left open, `recover` seals as a
failure:

    recorder = Recorder(Capsules(path))
    recorder.recover()
    run = recorder.begin(capsule)
    ...
    run.finish("success")

`begin` and `finish` each cost one small write without an fsync. The seal, with its fsync, happens on the storage's own
thread, many at a time; `await run.sealed()` waits for it where somebody must know.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from qp_capsule.capsule import Capsule

from qntx.capsules import canonical
from qntx.capsules import capsule as capsules
from qntx.capsules.audit import Capsules
from qntx.capsules.canonical import HOLE
from qntx.capsules.capsule import RUN
from qntx.capsules.capture import text
from qntx.capsules.intents import Intent, Intents
from qntx.capsules.record import Draft, Record
from qntx.capsules.storage.foreign import ForeignStorage
from qntx.errors import CapsuleError

log = logging.getLogger("qntx.capsules.recorder")

DIED = "the process that ran this died before it ended"


class Recorder:
    """Records the executions of one process. Any number of processes record into one chain."""

    def __init__(self, capsules: Capsules, intents: Path | None = None) -> None:
        """`intents` is this machine's own file; by default it stands beside the chain's."""
        if isinstance(capsules.chain.storage, ForeignStorage):
            raise CapsuleError("a Recorder needs a storage that orders records by itself: a SQLite file or PostgreSQL")
        self._capsules = capsules
        self.intents = Intents(intents) if intents is not None else capsules.intents

    def begin(self, capsule: Capsule, tenant_id: str | None = None) -> Run:
        """Note that what this capsule describes is about to start. Raises CapsuleError where that cannot be noted."""
        intent = json.dumps(_open_content(capsule))
        number, started = self.intents.begin(str(capsule.id), intent, tenant_id)
        return Run(self, capsule, tenant_id, number, started)

    def recover(self) -> list[Future[Record]]:
        """Seal what dead processes have left: as failures, or with the outcome where it was known already."""
        sealed = []
        for _, left in self.intents.orphans():
            futures = [self._seal(_recovered(intent, self.intents), intent.tenant_id) for intent in left]
            for future in futures:
                # Held until committed: were this process to die now, the next one finds them again.
                future.exception()
            sealed += futures
        return sealed

    def close(self) -> None:
        """Leave. Runs that have not finished become recoverable."""
        self.intents.close()

    def _finish(self, run: Run, draft: Draft) -> Future[Record]:
        try:
            self.intents.end(draft.id, _kept(draft))
        except CapsuleError:
            # The capsule is about to be sealed all the same; the note was for the case that this process dies first.
            log.exception("the end of run %s could not be noted", run.number)
        return self._seal(draft, run.tenant_id)

    def _seal(self, draft: Draft, tenant_id: str | None) -> Future[Record]:
        future = self._capsules.chain.storage.append(draft, self._capsules.seal, tenant_id)
        future.add_done_callback(lambda done: self._settled(draft.id, done))
        return future

    def _settled(self, capsule_id: str, done: Future[Record]) -> None:
        """The intent goes when the record is committed; a record that could not be kept stays an open intent."""
        error = done.exception()
        if error is not None:
            log.error("capsule %s could not be sealed: %s", capsule_id, error)
            return
        self.intents.settled(capsule_id)


class Run:
    """One execution under way. Leaving it as a context without `finish` records a failure."""

    def __init__(self, recorder: Recorder, capsule: Capsule, tenant_id: str | None, number: int, started: int) -> None:
        self.capsule = capsule
        """Enrich it until `finish`."""
        self.tenant_id = tenant_id
        self.number = number
        self._recorder = recorder
        self._started = started
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
        draft = _numbered(self.capsule, self._recorder.intents.ledger, self.number, self._started)
        self._record = self._recorder._finish(self, draft)
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


def _open_content(capsule: Capsule) -> dict[str, Any]:
    document = capsules.content(capsule)
    return {**document, "sequence": 0, "previous_hash": None}


def _kept(draft: Draft) -> str:
    """A draft as an intent keeps it: its pieces, as text."""
    pieces = [piece.decode() for piece in draft.pieces]
    return canonical.encode([draft.id, draft.type, draft.domain, draft.session_id, pieces, draft.failed])


def _recovered(intent: Intent, intents: Intents) -> Draft:
    if intent.ended:
        id_, type_, domain, session_id, pieces, failed = json.loads(intent.content)
        return Draft(id_, type_, domain, session_id, tuple(piece.encode() for piece in pieces), failed)
    capsule = Capsule.from_dict(json.loads(intent.content))
    capsule.outcome.status = "failure"
    capsule.outcome.error = DIED
    capsule.outcome.summary = "recovered"
    return _numbered(capsule, intents.ledger, intent.number, intent.number)
