"""Fires watchers for what arrives in the attestation store.

Matching and firing are apart. Matching follows the store by position and keeps, in one transaction, the firings it
found and how far it came; so nothing is missed while the host is down, and nothing is found twice. Each watcher with
firings to run has a task of its own that runs them one at a time: a slow one, or one whose plugin is away, delays no
other. A firing is forgotten only after it ran, so it runs at least once; a host killed between the two runs it again.

Hosts that share a database share the cursor and the firings: `turns` says which of them does what.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import structlog

from qntx.errors import Busy, ChassisError, InvalidRequest, NotFound, Unavailable
from qntx.host.events import Hub
from qntx.host.keeping import WatcherStorage
from qntx.host.store.base import AttestationStore
from qntx.host.watchers.dispatch import Dispatcher, Firing, Ran
from qntx.host.watchers.known import Known
from qntx.host.watchers.lineage import DEPTH_MAX, Lineage
from qntx.host.watchers.rate import RETRY_SECONDS, earliest_ms, retry_delay_seconds
from qntx.host.watchers.storage import Fired, Stale
from qntx.host.watchers.turns import EVALUATING, Alone, Turns
from qntx.model.attestation import Attestation
from qntx.model.nearest import meant
from qntx.model.watcher import Tally, Watcher, check

BATCH = 1000
MISSING_SECONDS = 1.0
"""How often to look whether what an action waits for has come."""

ELECTION_SECONDS = 1.0  # between looks whether it is this host's turn by now
PATIENCE_MS = 3000
"""How long a firing is left to the host that evaluates, before another one takes it."""

NEWS_SECONDS = 0.2
"""News that come closer together are taken up together."""

log = structlog.get_logger("qntx.host.watchers")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Engine:
    """An async context manager: entered, it matches and fires."""

    def __init__(
        self,
        store: AttestationStore,
        kept: WatcherStorage,
        dispatcher: Dispatcher,
        hub: Hub,
        *,
        now_ms: Callable[[], int] = _now_ms,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
        turns: Turns | None = None,
    ) -> None:
        self._store = store
        self._kept = kept
        self._dispatcher = dispatcher
        self._hub = hub
        self._now_ms = now_ms
        self._retry_seconds = retry_seconds
        self._turns = turns or Alone()
        self._known = Known(kept)
        self._news = asyncio.Event()
        self._lineage = Lineage()
        self._workers: dict[str, _Worker] = {}
        self._started_ms: dict[str, int] = {}
        """When each watcher last began a firing."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        await self._known.load()
        if await self._kept.cursor() is None:
            await self._kept.enqueue((), await self._store.position())
        await self._wake_waiting()
        self._start(self._evaluate(), "watchers")
        self._start(self._hear(), "other hosts' watchers")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop. What was running runs again next time. Twice is the same as once."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def watchers(self) -> list[Watcher]:
        return list(self._known.by_id.values())

    def get(self, watcher_id: str) -> Watcher:
        try:
            return self._known.by_id[watcher_id]
        except KeyError:
            raise NotFound(f"no watcher has the id {watcher_id!r}; {meant(watcher_id, self._known.by_id)}") from None

    def waits_for(self, watcher_id: str) -> str:
        """What the next firing of that watcher waits for, beside its turn; empty where for nothing."""
        worker = self._workers.get(watcher_id)
        return worker.waits_for if worker else ""

    async def tallies(self) -> dict[str, Tally]:
        return await self._kept.tallies()

    async def history(self, watcher_id: str, limit: int) -> list[Fired]:
        self.get(watcher_id)
        return await self._kept.history(watcher_id, limit)

    async def create(self, watcher: Watcher) -> Watcher:
        """It fires for what arrives from now on."""
        await self._known.catch_up()
        if watcher.id in self._known.by_id:
            raise InvalidRequest("id", f"{watcher.id!r} is taken; change that watcher, or choose another id")
        return await self._save(watcher)

    async def change(self, watcher: Watcher) -> Watcher:
        """Under the same id. What waits for it stays; what it did stays counted."""
        await self._known.catch_up()
        self.get(watcher.id)
        return await self._save(watcher)

    async def delete(self, watcher_id: str) -> None:
        """With all that waits for it."""
        await self._known.catch_up()
        self.get(watcher_id)
        await self._forget([watcher_id])

    async def declare(self, plugin: str, declared: Sequence[Watcher]) -> None:
        """Make the watchers that plugin declares the ones it has; those it no longer declares are deleted.

        One that was there before goes on from where it was: what arrived while the plugin was away still fires it.
        """
        await self._known.catch_up()
        fit = [replace(watcher, plugin=plugin) for watcher in declared if self._may_declare(plugin, watcher)]
        ids = {watcher.id for watcher in fit}
        await self._forget([one.id for one in self.watchers() if one.plugin == plugin and one.id not in ids])
        for watcher in fit:
            before = self._known.by_id.get(watcher.id)
            enabled = before.enabled if before else watcher.enabled
            await self._save(replace(watcher, enabled=enabled))

    def _may_declare(self, plugin: str, watcher: Watcher) -> bool:
        try:
            check(watcher)
        except InvalidRequest as fault:
            log.warning("declared watcher is not usable", plugin=plugin, watcher=watcher.id, reason=str(fault))
            return False
        before = self._known.by_id.get(watcher.id)
        if before is not None and before.plugin != plugin:
            log.warning(
                "declared watcher's id is taken", plugin=plugin, watcher=watcher.id, by=before.plugin or "a user"
            )
            return False
        return True

    async def _save(self, watcher: Watcher) -> Watcher:
        check(watcher)
        now_ms = self._now_ms()
        before = self._known.by_id.get(watcher.id)
        saved = replace(
            watcher,
            from_position=before.from_position if before else await self._store.position(),
            created_at_ms=before.created_at_ms if before else now_ms,
            updated_at_ms=now_ms,
        )
        await self._known.save(saved)
        self._wake(saved.id)
        return saved

    async def _forget(self, ids: Sequence[str]) -> None:
        for watcher_id in ids:
            self._started_ms.pop(watcher_id, None)
        await self._known.forget(ids)

    async def _hear(self) -> None:
        """Take up what other hosts have changed, and what waits for a host that can run it."""
        with self._turns.listen(self._news.set):
            while True:
                await self._news.wait()
                self._news.clear()
                try:
                    await self._known.catch_up()
                    await self._wake_waiting()
                except Unavailable as error:
                    log.error("watchers cannot follow other hosts", reason=str(error))
                await asyncio.sleep(NEWS_SECONDS)

    async def _wake_waiting(self) -> None:
        for watcher_id in await self._kept.waiting():
            self._wake(watcher_id)

    async def _evaluate(self) -> None:
        while True:
            try:
                if await self._turns.take(EVALUATING):
                    await self._follow()
                else:
                    await asyncio.sleep(ELECTION_SECONDS)
            except Stale:
                await self._known.load()
            except Unavailable as error:
                log.error("watchers cannot follow the attestations", reason=str(error))
                await asyncio.sleep(MISSING_SECONDS)

    async def _follow(self) -> None:
        """Match what arrives, for as long as that is this host's turn."""
        await self._known.catch_up()
        await self._wake_waiting()
        cursor = await self._kept.cursor() or 0
        while self._turns.holds(EVALUATING):
            cursor = await self._match(cursor)
            await self._store.arrived(cursor)

    async def _match(self, cursor: int) -> int:
        """Find what the next arrivals fire and keep that; returns how far it came."""
        arrived = await self._store.after(cursor, limit=BATCH)
        if not arrived:
            return cursor
        firings = [firing for position, claim in arrived for firing in self._fired(position, claim)]
        loops = [firing for firing in firings if firing.depth > DEPTH_MAX]
        fit = [firing for firing in firings if firing.depth <= DEPTH_MAX]
        await self._kept.enqueue(fit, arrived[-1][0], version=self._known.version)
        for firing in loops:
            await self._refuse_loop(firing)
        for watcher_id in {firing.watcher_id for firing in firings}:
            self._wake(watcher_id)
        return arrived[-1][0]

    def _fired(self, position: int, claim: Attestation) -> list[Firing]:
        fired = self._known.fired(position, claim)
        depth = self._lineage.depth(claim) if fired else 0
        return [Firing(0, watcher.id, position, claim.id, depth=depth) for watcher in fired]

    async def _refuse_loop(self, firing: Firing) -> None:
        error = (
            f"not fired: its own results fire it, {DEPTH_MAX} deep by now; narrow its filter, or attest another term"
        )
        await self._kept.refuse(firing.watcher_id, Fired(firing.attestation_id, self._now_ms(), 0, error, ""))
        self._tell(firing, "gave_up", error)

    def _wake(self, watcher_id: str) -> None:
        """There may be something to run for that watcher."""
        worker = self._workers.get(watcher_id)
        if self._closed:
            return
        if worker is None:
            worker = self._workers[watcher_id] = _Worker(self._now_ms())
            self._start(self._work(watcher_id, worker), f"watcher {watcher_id}")
        worker.more.set()

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a task of the watchers broke", task=task.get_name(), exc_info=error)

    async def _work(self, watcher_id: str, worker: _Worker) -> None:
        """Run what waits for that watcher, one at a time; ends when nothing does."""
        try:
            while worker.more.is_set():
                while await self._turn(watcher_id, worker):
                    pass
                # Given only when nothing of it runs here, and before another task could begin to.
                await self._turns.give(watcher_id)
        finally:
            del self._workers[watcher_id]

    async def _turn(self, watcher_id: str, worker: _Worker) -> bool:
        """Whether there was anything to do, or may be by now."""
        worker.more.clear()
        watcher = self._known.by_id.get(watcher_id)
        try:
            firing = await self._kept.next(watcher_id) if watcher and watcher.fires else None
            if watcher is None or firing is None:
                return worker.more.is_set()
            if not self._turns.holds(watcher_id):
                seconds = await self._apply(worker, watcher)
            else:
                seconds = await self._wait_seconds(worker, watcher, firing)
                if seconds <= 0:
                    await self._fire(watcher, firing)
                elif worker.waits_for:
                    # Another host may have what is missing here.
                    await self._turns.give(watcher_id)
        except Unavailable as error:
            worker.waits_for, seconds = str(error), MISSING_SECONDS
        if seconds > 0:
            with suppress(TimeoutError):
                # Woken before the time: another firing may be due first.
                await asyncio.wait_for(worker.more.wait(), seconds)
        return True

    async def _apply(self, worker: _Worker, watcher: Watcher) -> float:
        """How long until it may be this host's turn to run that watcher; 0 when it is, and all is to be seen anew."""
        worker.waits_for = await self._dispatcher.missing(watcher)
        if worker.waits_for:
            return MISSING_SECONDS
        patience_ms = 0 if self._turns.holds(EVALUATING) else worker.since_ms + PATIENCE_MS - self._now_ms()
        if patience_ms > 0:
            return patience_ms / 1000
        if not await self._turns.take(watcher.id):
            return ELECTION_SECONDS
        tally = (await self._kept.tallies()).get(watcher.id)
        if tally is not None and tally.last_fired_at_ms:
            # Where it ran before, it kept to its rate; so it does here.
            self._started_ms[watcher.id] = max(self._started_ms.get(watcher.id, 0), tally.last_fired_at_ms)
        return 0.0

    async def _wait_seconds(self, worker: _Worker, watcher: Watcher, firing: Firing) -> float:
        """How long it has to wait, as far as is known now; 0 or less when it may run."""
        worker.waits_for = ""
        earliest = earliest_ms(self._started_ms.get(watcher.id), watcher.max_fires_per_second) or 0
        seconds = (max(firing.due_ms, earliest) - self._now_ms()) / 1000
        if seconds > 0:
            return seconds
        worker.waits_for = await self._dispatcher.missing(watcher)
        return MISSING_SECONDS if worker.waits_for else 0

    async def _fire(self, watcher: Watcher, firing: Firing) -> None:
        claim = await self._store.get(firing.attestation_id)
        if claim is None:
            await self._finish(firing, Ran(False, f"attestation {firing.attestation_id} is not in the store any more"))
            return
        if self._known.by_id.get(watcher.id) != watcher:
            return  # changed, or switched off, since it was looked at
        started_ms = self._started_ms[watcher.id] = self._now_ms()
        self._tell(firing, "started")
        run = self._lineage.started(self._dispatcher.marks(watcher), firing.depth, started_ms)
        try:
            ran = await self._dispatch(watcher, firing, claim)
        finally:
            run.ended_ms = self._now_ms()
        await self._finish(firing, ran)

    async def _dispatch(self, watcher: Watcher, firing: Firing, claim: Attestation) -> Ran:
        """Whatever goes wrong in an action is how it ended. Only `Busy` is not: then it never began."""
        try:
            return await self._dispatcher.run(watcher, firing, claim)
        except Busy:
            raise
        except Exception as error:
            return Ran(False, str(error) if isinstance(error, ChassisError) else f"{type(error).__name__}: {error}")

    async def _finish(self, firing: Firing, ran: Ran) -> None:
        attempts = firing.failures + 1
        fired = Fired(firing.attestation_id, self._now_ms(), attempts, "" if ran.success else ran.error, ran.output)
        if ran.success:
            await self._kept.finish(firing, fired)
            self._tell(firing, "success")
        elif (delay := retry_delay_seconds(attempts, self._retry_seconds)) is not None:
            await self._kept.postpone(firing, self._now_ms() + int(delay * 1000), ran.error)
            self._tell(firing, "error", ran.error)
        else:
            error = f"Max retries exceeded, giving up after {attempts} attempts: {ran.error}"
            await self._kept.finish(firing, replace(fired, error=error))
            log.warning("watcher gave up", watcher=firing.watcher_id, attestation=firing.attestation_id, reason=error)
            self._tell(firing, "gave_up", error)

    def _tell(self, firing: Firing, status: str, error: str = "") -> None:
        self._hub.publish(
            "firing",
            id=firing.id,
            watcher_id=firing.watcher_id,
            attestation_id=firing.attestation_id,
            status=status,
            attempt=firing.failures + 1,
            error=error,
        )


class _Worker:
    """The task of one watcher that has firings to run."""

    def __init__(self, since_ms: int) -> None:
        self.since_ms = since_ms
        self.more = asyncio.Event()
        self.waits_for = ""
