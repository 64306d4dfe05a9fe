"""The durable queue of job ids, on DBOS. The only module that knows DBOS.

Where several hosts share the deliveries, each plugin's jobs are a queue of their own, and a host takes from the queues
of the plugins that it has: a job never waits with a host that cannot run it. One host alone has one queue for all.

A delivery is one workflow named `{job}:{generation}`. It carries no state: what it means is in the job's row, so a
delivery that comes twice, or too late, finds a row that has moved on and does nothing.

DBOS is one to a process, hence the one consumer below.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from dbos import DBOS, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID
from sqlalchemy.exc import DBAPIError

from qntx.errors import Unavailable

NAME = "pulse"
POLL_SECONDS = 0.1
CLOSING_SECONDS = 5.0
OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
PRIORITY_MIDDLE = 1 << 30
"""DBOS takes the lowest number first and wants it positive; ours is the other way round and may be negative."""

# Deliveries outlive the code that made them: a changed version must not orphan them.
APPLICATION_VERSION = "1"

Consumer = Callable[[str, int], Coroutine[Any, Any, None]]

logger = logging.getLogger(__name__)

_consumer: tuple[Consumer, asyncio.AbstractEventLoop] | None = None


@DBOS.workflow(name="deliver")
async def _deliver(job_id: str, generation: int) -> None:
    if _consumer is None:
        raise RuntimeError("a delivery arrived while no Pulse is open")
    consumer, loop = _consumer
    # DBOS, launched from a thread, has a loop of its own; what a job runs on belongs to the host's.
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(consumer(job_id, generation), loop))


class Queue:
    """Gives the consumer each job id that is put, highest priority and then oldest first, `window` at a time.

    `offered` are the plugins whose jobs it gets; None is all.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        executor: str,
        consumer: Consumer,
        *,
        window: int,
        offered: Collection[str] | None = None,
    ) -> None:
        self._config = config
        self._executor = executor
        self._consumer = consumer
        self._window = window
        self._offered = offered
        self._known: set[str] = set()
        """The queues that there are, as far as this host knows."""

    async def __aenter__(self) -> Self:
        global _consumer
        if _consumer is not None:
            raise RuntimeError("this process has a Pulse already; DBOS allows one")
        _consumer = self._consumer, asyncio.get_running_loop()
        try:
            await self._launch()
        except BaseException:
            _consumer = None
            DBOS.destroy()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _consumer
        loop, threads = asyncio.get_running_loop(), ThreadPoolExecutor()
        ending = threading.Thread(target=DBOS.destroy, name="the queue's end", daemon=True)
        ending.start()
        await loop.run_in_executor(threads, ending.join, CLOSING_SECONDS)
        # DBOS had made its own pool the loop's, and has shut it down.
        loop.set_default_executor(threads)
        if ending.is_alive():
            logger.error("the queue does not end: its threads wait for the database, and are left behind")
        _consumer = None

    async def put(
        self, handler_name: str, job_id: str, generation: int, *, priority: int = 0, delay_seconds: float = 0.0
    ) -> None:
        """Deliver it, not before the delay has passed. The same generation again is the same delivery."""
        name = NAME if self._offered is None else _queue_of(handler_name.partition("/")[0])
        await self._make(name)
        options = SetEnqueueOptions(
            priority=min(max(1, PRIORITY_MIDDLE - priority), (1 << 31) - 1), delay_seconds=delay_seconds or None
        )
        with SetWorkflowID(f"{job_id}:{generation}"), options:
            await DBOS.enqueue_workflow_async(name, _deliver, job_id, generation)

    async def _launch(self) -> None:
        names = [NAME] if self._offered is None else [_queue_of(plugin) for plugin in self._offered]
        DBOS(
            config={
                "name": "qntx-pulse",
                "application_version": APPLICATION_VERSION,
                "executor_id": self._executor,
                # The default one is pickle: whoever can write to the database could run code.
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "ERROR",
                "enable_otlp": False,
                **self._config,  # type: ignore[typeddict-item]
            }
        )
        DBOS.listen_queues(names)
        # Here, not in a thread: DBOS runs what it delivers on the loop that it is launched in.
        try:
            DBOS.launch()
        except DBAPIError as refusal:
            raise Unavailable(f"the queue of jobs cannot be opened: {refusal.orig}") from refusal
        for name in names:
            await self._make(name)

    async def _make(self, name: str) -> None:
        if name not in self._known:
            await DBOS.register_queue_async(name, worker_concurrency=self._window, polling_interval_sec=POLL_SECONDS)
            self._known.add(name)

    async def begun_elsewhere(self) -> dict[str, list[tuple[str, int]]]:
        """Deliveries that other executors have begun and not ended: executor to job ids with their generation."""
        begun: dict[str, list[tuple[str, int]]] = {}
        for status in await DBOS.list_workflows_async(status="PENDING", name="deliver", load_input=False):
            if status.executor_id and status.executor_id != self._executor:
                job_id, _, generation = status.workflow_id.rpartition(":")
                begun.setdefault(status.executor_id, []).append((job_id, int(generation)))
        return begun

    async def drop(self, deliveries: list[tuple[str, int]]) -> None:
        """Forget these deliveries, whoever had begun them."""
        await DBOS.delete_workflows_async([f"{job_id}:{generation}" for job_id, generation in deliveries])

    async def forget(self, limit: int) -> int:
        """Delete what is left of deliveries that are over, at most that many; how many it was."""
        over = await DBOS.list_workflows_async(status=list(OVER), name="deliver", limit=limit, load_input=False)
        await DBOS.delete_workflows_async([status.workflow_id for status in over])
        return len(over)


def _queue_of(plugin: str) -> str:
    return f"{NAME}/{plugin}"
