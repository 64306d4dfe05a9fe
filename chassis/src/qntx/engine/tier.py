"""One tier of workers: a zygote that is started again when it ends, and idle workers forked ahead of time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from qntx.engine.metrics import Metrics
from qntx.engine.spawn import Zygote
from qntx.engine.worker import Worker
from qntx.errors import WorkerLost
from qntx.worker.sandbox.policy import Policy

BACKOFF_SECONDS = (0.05, 0.2, 1.0, 5.0, 15.0)
STEADY_SECONDS = 10.0
TEARDOWN_SECONDS = 0.004
QUIET_SECONDS = 0.015

_log = logging.getLogger("qntx.engine")


class Tier:
    """Hands out workers for a policy. The idle ones are of the variant's own policy; others are forked when asked.

    With `rehearses`, the next to be handed out has used its libraries once: the pages that this takes are the price of
    one worker's speed, not of every idle one's.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[Zygote]],
        policy: Policy,
        idle_wanted: int,
        metrics: Metrics,
        *,
        rehearses: bool = False,
    ) -> None:
        self.name = name
        self.fault = ""
        self._start = start
        self._policy = policy
        self._idle_wanted = idle_wanted
        self._metrics = metrics
        self._idle: deque[Worker] = deque()
        self._forking = 0
        self._zygote: Zygote | None = None
        self._up = asyncio.Event()
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._teardown: deque[Worker] = deque()
        self._teardown_timer: asyncio.TimerHandle | None = None
        self._rehearses = rehearses
        self._rehearse_timer: asyncio.TimerHandle | None = None
        self._report: Mapping[str, Any] = {}

    @property
    def up(self) -> bool:
        return self._up.is_set()

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def report(self) -> Mapping[str, Any]:
        """What the zygote last said of itself."""
        return self._report

    async def open(self) -> None:
        """Start the zygote; raises WorkerLost where that fails the first time."""
        await self._bring_up()

    def open_later(self) -> None:
        """Start it in the background, as often as it takes."""
        self._background(self._revive())

    async def wait_up(self, ready_seconds: float) -> None:
        """Until it can fork; raises WorkerLost where it cannot within that time."""
        try:
            await asyncio.wait_for(self._up.wait(), ready_seconds)
        except TimeoutError:
            raise WorkerLost(f"no worker can be forked: {self.fault or 'the zygote is starting'}") from None

    async def take(self, policy: Policy, ready_seconds: float) -> Worker:
        """A worker that is ready. Raises WorkerLost where there is none within that time."""
        if policy == self._policy:
            while self._idle:
                worker = self._pop_idle()
                if not worker.closed:
                    return worker
                worker.hang_up()
        await self.wait_up(ready_seconds)
        zygote = self._zygote
        if zygote is None:
            raise WorkerLost("the engine is closing")
        started = time.perf_counter()
        worker = await zygote.fork(policy)
        self._metrics.forked(time.perf_counter() - started)
        return worker

    def _pop_idle(self) -> Worker:
        """The next, unless it rehearses at this moment and another does not."""
        self._rehearse_later()
        if self._idle[0].rehearsing and len(self._idle) > 1:
            worker = self._idle[1]
            del self._idle[1]
            return worker
        return self._idle.popleft()

    def _rehearse_later(self) -> None:
        """When nobody has asked for a worker for a moment and none is missing: a run must not be delayed by it."""
        if not self._rehearses:
            return
        if self._rehearse_timer is not None:
            self._rehearse_timer.cancel()
        self._rehearse_timer = asyncio.get_running_loop().call_later(QUIET_SECONDS, self._rehearse)

    def _rehearse(self) -> None:
        self._rehearse_timer = None
        if len(self._idle) >= self._idle_wanted and not any(worker.rehearsed for worker in self._idle):
            self._idle[0].rehearse()

    def dismiss(self, worker: Worker) -> None:
        """Let go of a worker that has run: a little later, so that neither its end nor its successor's beginning
        delays the answer just given; at once when few are left.
        """
        if self._closing:
            worker.hang_up()
        elif len(self._idle) <= self._idle_wanted // 2:
            worker.hang_up()
            self._refill()
        else:
            self._teardown.append(worker)
            if self._teardown_timer is None:
                self._arm()

    async def close(self) -> None:
        self._closing = True
        self._up.set()
        for timer in (self._teardown_timer, self._rehearse_timer):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in (*self._teardown, *self._idle):
            worker.hang_up()
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            await zygote.close()

    def _arm(self) -> None:
        self._teardown_timer = asyncio.get_running_loop().call_later(TEARDOWN_SECONDS, self._tear_down)

    def _tear_down(self) -> None:
        self._teardown_timer = None
        if self._teardown:
            self._teardown.popleft().hang_up()
            self._refill()
        if self._teardown:
            self._arm()

    async def _bring_up(self) -> None:
        zygote = await self._start()
        zygote.on_lost = self._on_lost
        self._zygote = zygote
        self._report = zygote.report
        self.fault = ""
        self._up.set()
        if not zygote.alive:
            self._on_lost()
        self._refill()

    def _on_lost(self) -> None:
        """The zygote ended, and all its workers with it."""
        if self._closing:
            return
        self.fault = "the process that forks workers ended; it is being started again"
        self._metrics.zygotes_lost += 1
        self._up.clear()
        lost, self._zygote = self._zygote, None
        while self._idle:
            self._idle.popleft().hang_up()
        _log.warning("%s zygote lost; starting it again", self.name)
        self._background(self._replace(lost))

    async def _replace(self, lost: Zygote | None) -> None:
        if lost is not None:
            await lost.close()
        await self._revive()

    async def _revive(self) -> None:
        """Try, wait longer each time, until it is up."""
        attempt = 0
        while not self._closing:
            try:
                await self._bring_up()
                return
            except (WorkerLost, OSError) as fault:
                self.fault = str(fault)
                _log.error("%s zygote does not start: %s", self.name, fault)
            await asyncio.sleep(BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS) - 1)])
            attempt += 1

    def _refill(self) -> None:
        while self._zygote is not None and len(self._idle) + self._forking < self._idle_wanted:
            self._forking += 1
            self._background(self._fork_idle(self._zygote))

    async def _fork_idle(self, zygote: Zygote) -> None:
        started = time.perf_counter()
        try:
            worker = await zygote.fork(self._policy)
        except WorkerLost as fault:
            self.fault = str(fault)
            return
        finally:
            self._forking -= 1
        self._metrics.forked(time.perf_counter() - started)
        if zygote is self._zygote and not self._closing:
            self._idle.append(worker)
            self._rehearse_later()
        else:
            worker.hang_up()

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            task.result()
