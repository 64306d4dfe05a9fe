"""The engine: a fresh process for every run, forked before it is asked for."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Self

from qntx.engine.admission import Admission
from qntx.engine.api import Event, Home, Settings
from qntx.engine.environment import worker_environment
from qntx.engine.metrics import Metrics
from qntx.engine.run import Run
from qntx.engine.scratch import Scratch
from qntx.engine.sessions import SWEEP_SECONDS, Sessions
from qntx.engine.spawn import Zygote
from qntx.engine.tier import Tier
from qntx.engine.tiers import BARE, LOADED, tier_of
from qntx.engine.worker import Worker
from qntx.errors import Busy, Refused, WorkerLost
from qntx.model.execution import Execution, Limits, Outcome, Result
from qntx.worker.sandbox.policy import Policy, at_least

IDLE_MAX = 8
LOADED_SECONDS_MAX = 60.0
REVIVE_SECONDS_MAX = 10.0

OnEvent = Callable[[Event], None]


class _Ticket:
    """A run that was asked for, whether it waits or is under way."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self.cancelled = False
        self._task = asyncio.current_task()
        self._cancelling_before = self._task.cancelling() if self._task is not None else 0

    def cancel(self) -> None:
        self.cancelled = True
        if self.run is not None:
            self.run.stop(Outcome.CANCELLED)
        elif self._task is not None:
            # It waits: for its turn, or for a worker.
            self._task.cancel()

    def check(self) -> None:
        """Before anything runs: Python 3.11's wait_for loses a cancellation that comes just as it ends."""
        if self._task is not None and self._task.cancelling() > self._cancelling_before:
            raise asyncio.CancelledError

    def withdrawn(self) -> bool:
        """Whether what was just caught is, or hides, a cancellation of ours, which is thereby dealt with."""
        if not self.cancelled or self.run is not None or self._task is None:
            return False
        return self._task.uncancel() <= self._cancelling_before


class Pool:
    """Runs executions, as many at once as its settings allow. An async context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        cores = len(os.sched_getaffinity(0))
        self._admission = Admission(settings.running_max or cores, settings.queued_max)
        self._metrics = Metrics()
        self._sessions = Sessions()
        self._tickets: dict[str, _Ticket] = {}
        self._tiers: dict[str, Tier] = {}
        self._open = False

    async def __aenter__(self) -> Self:
        self._scratch = Scratch()
        await asyncio.to_thread(self._scratch.open)
        bare = self._tier(BARE, ())
        try:
            await bare.open()
            self._check_rung(bare.report)
        except BaseException:
            await bare.close()
            self._scratch.close()
            raise
        self._tiers[BARE] = bare
        if self._settings.preload:
            self._tiers[LOADED] = self._tier(LOADED, self._settings.preload)
            self._tiers[LOADED].open_later()
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep())
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self._sweeping.cancel()
        for ticket in list(self._tickets.values()):
            ticket.cancel()
        self._sessions.close()
        await asyncio.gather(*(tier.close() for tier in self._tiers.values()))
        await asyncio.to_thread(self._scratch.close)

    async def run(self, execution: Execution, home: Home, on_event: OnEvent | None = None) -> Result:
        if not self._open:
            raise WorkerLost("the engine is not open")
        ticket = self._tickets[execution.id] = _Ticket()
        asked = time.perf_counter()
        try:
            tier = self._tier_for(execution)
            # A run whose libraries are still being loaded holds nobody up.
            until = None if tier.up else partial(tier.wait_up, _ready_seconds(tier))
            async with self._admission.turn(execution.principal, until), self._worker(execution, tier) as worker:
                ticket.check()
                self._metrics.wait.add(time.perf_counter() - asked)
                ticket.run = Run(worker, execution, home, on_event, self._rung)
                result = await ticket.run.finish()
        except Busy:
            self._metrics.refused += 1
            raise
        except (asyncio.CancelledError, WorkerLost):
            if not ticket.withdrawn():
                raise
            result = Result(Outcome.CANCELLED, error="Cancelled: the run was stopped on request before it began\n")
        finally:
            self._tickets.pop(execution.id, None)
        self._metrics.ended(result.outcome, result.duration_ms / 1000)
        return result

    def cancel(self, execution_id: str) -> bool:
        ticket = self._tickets.get(execution_id)
        if ticket is None:
            return False
        ticket.cancel()
        return True

    def sessions(self, principal: str) -> list[dict[str, Any]]:
        """The sessions of that principal: session_id, created_at_ms, used_at_ms, runs."""
        return self._sessions.of(principal)

    async def inspect_session(self, principal: str, session_id: str) -> list[Mapping[str, str]]:
        """Its variables: name, type, repr. Raises NotFound."""
        return await self._sessions.inspect(principal, session_id)

    def end_session(self, principal: str, session_id: str) -> bool:
        """Forget its variables. False where there is none."""
        return self._sessions.end(principal, session_id)

    def describe(self) -> Mapping[str, Any]:
        report = self._tiers[BARE].report if BARE in self._tiers else {}
        loaded = self._tiers.get(LOADED)
        faults = [tier.fault for tier in self._tiers.values() if tier.fault]
        return {
            **report,
            "ready": self._open and all(tier.up for tier in self._tiers.values()),
            "serving": self._open and any(tier.up for tier in self._tiers.values()),
            "fault": "; ".join(faults),
            "preload_failed": dict(loaded.report.get("preload_failed", {})) if loaded else {},
            "preload_seconds": loaded.report.get("preload_seconds", 0.0) if loaded else 0.0,
            "running": self._admission.running,
            "queued": self._admission.queued,
            "running_max": self._admission.running_max,
            "queued_max": self._admission.queued_max,
            "idle_workers": sum(tier.idle for tier in self._tiers.values()),
            "sessions": len(self._sessions),
            "metrics": self._metrics.to_json(),
        }

    @property
    def _rung(self) -> str:
        return str(self._tiers[BARE].report["sandbox"])

    def _tier(self, name: str, preload: tuple[str, ...]) -> Tier:
        wanted = list(preload)

        async def start() -> Zygote:
            zygote = Zygote(
                {
                    "preload": wanted,
                    "paths": list(self._settings.paths),
                    "paths_after": list(self._settings.paths_after),
                    "scratch": tempfile.mkdtemp(prefix=name, dir=self._scratch.path),
                    "readable_paths": list(self._settings.limits.readable_paths),
                    "sandbox_max": self._settings.sandbox_max,
                },
                worker_environment(self._settings.environment),
            )
            await zygote.start()
            threaded = zygote.report.get("threaded")
            if not threaded:
                return zygote
            await zygote.close()
            wanted.remove(threaded)
            raise WorkerLost(f"preloading {threaded} leaves threads running; it is imported by each run instead")

        idle_wanted = max(2, min(2 * self._admission.running_max, IDLE_MAX))
        policy = policy_of(self._settings.limits)
        return Tier(name, start, policy, idle_wanted, self._metrics, rehearses=name == LOADED)

    def _check_rung(self, report: Mapping[str, Any]) -> None:
        rung, required = report["sandbox"], self._settings.require_sandbox
        if not at_least(rung, required):
            raise Refused(
                f"this machine can hold runs in by {rung!r} and the configuration requires {required!r}; "
                f"what was found: {dict(report['primitives'])}"
            )

    @asynccontextmanager
    async def _worker(self, execution: Execution, tier: Tier) -> AsyncIterator[Worker]:
        policy = policy_of(execution.limits)
        if execution.session_id:
            async with self._session_worker(execution, tier, replace(policy, session=True)) as worker:
                yield worker
            return
        worker = await tier.take(policy, _ready_seconds(tier))
        try:
            yield worker
        finally:
            tier.dismiss(worker)

    @asynccontextmanager
    async def _session_worker(self, execution: Execution, tier: Tier, policy: Policy) -> AsyncIterator[Worker]:
        async def fork() -> Worker:
            return await tier.take(policy, _ready_seconds(tier))

        async with self._sessions.worker(execution.principal, execution.session_id, fork) as worker:
            yield worker

    def _tier_for(self, execution: Execution) -> Tier:
        if execution.session_id:
            # Nobody knows what a session will import later.
            return self._tiers.get(LOADED, self._tiers[BARE])
        return self._tiers[tier_of(execution.code, self._settings.preload)]

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._sessions.sweep()


def _ready_seconds(tier: Tier) -> float:
    return LOADED_SECONDS_MAX if tier.name == LOADED else REVIVE_SECONDS_MAX


def policy_of(limits: Limits) -> Policy:
    """The part of a run's limits that its worker must be forked for."""
    return Policy(
        memory_mib=limits.memory_mib,
        processes=limits.processes,
        scratch_mib=limits.scratch_mib,
        network=limits.network,
        network_ports=limits.network_ports if limits.network else (),
        subprocess=limits.subprocess,
        readable_paths=tuple(limits.readable_paths),
    )
