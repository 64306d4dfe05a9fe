"""One call of an audited function: its capsule from opening to seal, out of the function's way.

Nothing here may change what the function returns, raises or sees. Trouble with the audit goes to a logger of its own,
or with `swallow_errors=False` to the caller, but never in place of the function's own exception.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any

from qp_capsule.capsule import (
    Capsule,
    CapsuleType,
    ContextSection,
    ExecutionSection,
    OutcomeSection,
    TriggerSection,
)

from qntx.capsules.arguments import MISSING, Arguments
from qntx.capsules.capsule import stamp_onto
from qntx.capsules.capture import capture, text
from qntx.capsules.chain import CapsuleChain
from qntx.capsules.record import Record

log = logging.getLogger("qntx.capsules.audit")

Tenant = str | Callable[..., str] | None


@dataclass(frozen=True, slots=True)
class Audit:
    """What a decorator was told, and where its capsules go."""

    chain: CapsuleChain
    current: ContextVar[Capsule | None]
    arguments: Arguments
    name: str
    source: str
    type: CapsuleType
    domain: str
    trigger_from: str | int | None
    tenant_from: str | None
    tenant_id: Tenant
    swallow_errors: bool
    waits: bool
    """Wait for the commit even inside a running loop."""

    def tenant(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
        """Whose chain it is, as text: programs number their tenants, too."""
        found: Any = self.tenant_id
        if self.tenant_from is not None:
            found = self.arguments.named(self.tenant_from, args, kwargs)
        elif callable(self.tenant_id):
            found = self.tenant_id(args, kwargs)
        return None if found is MISSING or found is None else text(found) or None


class Call:
    """Opened before the function runs, ended after, then sealed."""

    __slots__ = ("_args", "_audit", "_begun", "_kwargs", "_token", "capsule", "fault")

    def __init__(self, audit: Audit, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self._audit = audit
        self._args = args
        self._kwargs = kwargs
        self._token: Token[Capsule | None] | None = None
        self.fault: Exception | None = None
        self.capsule = Capsule(
            type=audit.type,
            domain=audit.domain,
            trigger=TriggerSection(type="agent", source=audit.source),
            context=ContextSection(agent_id=audit.name),
        )
        enclosing = audit.current.get()
        if enclosing is not None:
            self.capsule.parent_id = enclosing.id
        try:
            self.capsule.trigger.request = audit.arguments.request(audit.trigger_from, args, kwargs)
        except Exception as error:
            self.fault = error
        self._begun = time.monotonic()

    def enter(self) -> None:
        self._token = self._audit.current.set(self.capsule)

    def leave(self) -> None:
        if self._token is not None:
            self._audit.current.reset(self._token)
            self._token = None

    def succeeded(self, result: Any) -> None:
        self._ended("success")
        self.capsule.outcome.result = capture(result)

    def failed(self, error: BaseException) -> None:
        self._ended("failure")
        self.capsule.outcome.error = text(error) or type(error).__name__

    async def seal(self, *, failed: bool = False) -> None:
        """Until the record is committed."""
        ack = self._submit()
        try:
            if ack is not None:
                stamp_onto(self.capsule, await committed(ack))
            elif self.fault is not None:
                raise self.fault
        except Exception as error:
            self._trouble(error, failed)

    def seal_blocking(self, *, failed: bool = False) -> None:
        """The same for functions that cannot await: in a running loop the record is queued, elsewhere this waits."""
        ack = self._submit()
        try:
            if ack is None:
                raise self.fault or RuntimeError("the capsule could not be queued")
            if not self._audit.waits and self._audit.swallow_errors and in_loop():
                ack.add_done_callback(self._later)
            else:
                stamp_onto(self.capsule, ack.result())
        except Exception as error:
            self._trouble(error, failed)

    def _ended(self, status: str) -> None:
        self.leave()
        # The function may have put anything in the place of a section.
        if not isinstance(self.capsule.outcome, OutcomeSection):
            self.capsule.outcome = OutcomeSection()
        if not isinstance(self.capsule.execution, ExecutionSection):
            self.capsule.execution = ExecutionSection()
        self.capsule.outcome.status = status
        self.capsule.execution.duration_ms = int((time.monotonic() - self._begun) * 1000)

    def _submit(self) -> Future[Record] | None:
        tenant = None
        try:
            tenant = self._audit.tenant(self._args, self._kwargs)
            return self._audit.chain.submit(self.capsule, tenant)
        except Exception as error:
            self.fault = error
            return None

    def _later(self, ack: Future[Record]) -> None:
        error = ack.exception()
        if error is not None:
            log.warning("Capsule audit failed (swallowed): %s", error)
        else:
            stamp_onto(self.capsule, ack.result())

    def _trouble(self, error: Exception, failed: bool) -> None:
        if failed or self._audit.swallow_errors:
            log.warning("Capsule audit failed (swallowed): %s", error)
        else:
            raise error


def in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def committed(ack: Future[Record]) -> Record:
    """Wait for a commit without becoming a place where the finished call can be cancelled.

    The function has returned: without the audit, a cancellation that comes now would meet whatever the task awaits
    next. So it is kept back until then, unless the one who asked (a timeout, a task group) has taken it back meanwhile.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    cancelled = False
    while not ack.done():
        before = task.cancelling() if task is not None else 0
        try:
            await _woken_by(ack, loop)
        except asyncio.CancelledError:
            if task is None or task.cancelling() <= before:
                raise
            cancelled = True
    if cancelled and task is not None:
        loop.call_soon(_cancel_again, task)
    return ack.result()


def _woken_by(ack: Future[Record], loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
    """Done when the commit is, and nothing else: a cancellation ends the waiting alone.

    What asyncio.wrap_future and asyncio.shield do together takes twice as long as all else that the loop does here.
    """
    woken: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not woken.done():
            woken.set_result(None)

    def done(ack: Future[Record]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(wake)

    ack.add_done_callback(done)
    return woken


def _cancel_again(task: asyncio.Task[Any]) -> None:
    if task.cancelling() and not task.done():
        task.uncancel()
        task.cancel()
