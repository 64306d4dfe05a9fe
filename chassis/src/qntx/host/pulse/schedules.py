"""Schedules: kept, and fired when they are due."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from qntx.errors import NotFound, Unavailable
from qntx.host.pulse import drafts, due, tables
from qntx.host.pulse.api import Jobs
from qntx.host.pulse.backend import Backend, Rows
from qntx.model.identity import RANDOM_BYTES, asid
from qntx.model.job import Job, JobDraft
from qntx.model.schedule import Schedule, ScheduleDraft, ScheduleState

TICK_SECONDS = 0.5

logger = logging.getLogger(__name__)


class ScheduleDesk:
    """Implements `qntx.host.pulse.api.Schedules`. `resolve` turns an ats_code into the job it stands for."""

    def __init__(
        self,
        backend: Backend,
        jobs: Jobs,
        now_ms: Callable[[], int],
        resolve: Callable[[str], Awaitable[JobDraft]] | None = None,
    ) -> None:
        self._backend = backend
        self._jobs = jobs
        self._now_ms = now_ms
        self.resolve = resolve

    async def create(self, draft: ScheduleDraft) -> Schedule:
        drafts.check_handler(draft.handler_name)
        due.check(draft.interval_seconds, draft.cron)
        schedule = self._schedule(draft)
        await self._backend.write(lambda rows: tables.insert_schedule(rows, schedule))
        return schedule

    async def get(self, schedule_id: str) -> Schedule:
        found = await self._backend.read(lambda rows: tables.schedule(rows, schedule_id))
        if found is None or found.state is ScheduleState.DELETED:
            raise NotFound(f"no schedule {schedule_id!r}")
        return found

    async def list(self, *, states: Sequence[ScheduleState] = ()) -> list[Schedule]:
        wanted = set(states) or {ScheduleState.ACTIVE, ScheduleState.PAUSED}
        return [schedule for schedule in await self._backend.read(tables.schedules) if schedule.state in wanted]

    async def set_state(self, schedule_id: str, state: ScheduleState) -> Schedule:
        schedule = await self.get(schedule_id)
        changes: dict[str, object] = {"state": state.value}
        if state is ScheduleState.ACTIVE and schedule.state is not ScheduleState.ACTIVE:
            changes["next_run_at_ms"] = self._next(schedule, self._now_ms())
        return await self._change(schedule, changes)

    async def set_period(self, schedule_id: str, interval_seconds: float = 0.0, cron: str = "") -> Schedule:
        due.check(interval_seconds, cron)
        schedule = replace(await self.get(schedule_id), interval_seconds=interval_seconds, cron=cron)
        next_run = self._next(schedule, self._now_ms())
        return await self._change(
            schedule, {"interval_seconds": interval_seconds, "cron": cron, "next_run_at_ms": next_run}
        )

    async def trigger(self, schedule_id: str) -> Job:
        return await self._fire(await self.get(schedule_id))

    async def declare(self, plugin: str, declared: Sequence[ScheduleDraft]) -> None:
        kept = {
            schedule.handler_name: schedule
            for schedule in await self._backend.read(tables.schedules)
            if schedule.declared_by == plugin and schedule.state is not ScheduleState.DELETED
        }
        for draft in declared:
            known = kept.pop(draft.handler_name, None)
            if known is None:
                await self._declare(replace(draft, declared_by=plugin))
                continue
            if known.interval_seconds != draft.interval_seconds:
                await self.set_period(known.id, draft.interval_seconds)
            # Older versions kept neither.
            said: dict[str, object] = {"payload_json": draft.payload_json, "principal": draft.principal}
            if said != {name: getattr(known, name) for name in said}:
                await self._change(known, said)
        for schedule in kept.values():
            await self.set_state(schedule.id, ScheduleState.DELETED)

    async def _declare(self, draft: ScheduleDraft) -> None:
        """Unless another host, whose plugin declares the same, has just done so."""
        due.check(draft.interval_seconds, draft.cron)
        schedule = self._schedule(draft)

        def work(rows: Rows) -> None:
            rows.alone(f"schedules of {schedule.declared_by}")
            for kept in tables.schedules(rows):
                same = kept.declared_by == schedule.declared_by and kept.handler_name == schedule.handler_name
                if same and kept.state is not ScheduleState.DELETED:
                    return
            tables.insert_schedule(rows, schedule)

        await self._backend.write(work)

    async def tick(self) -> None:
        """Fire what is due: once each, however many ticks were missed, and however many hosts look.

        The job comes first and has an id that is the tick's own: a host that dies between that and moving the schedule
        on leaves it due, and whoever looks next finds the job there.
        """
        now_ms = self._now_ms()
        for schedule in await self._backend.read(lambda rows: tables.schedules_due(rows, now_ms)):
            try:
                await self._fire(schedule, _id_of_tick(schedule))
            except Unavailable:
                raise
            except Exception as error:
                # A job that cannot be made must not be tried twice a second for ever.
                logger.warning("schedule %s did not fire: %s", schedule.id, error)
            await self._move_on(schedule, self._next(schedule, now_ms))

    async def _fire(self, schedule: Schedule, job_id: str = "") -> Job:
        draft = await self.resolve(schedule.ats_code) if schedule.ats_code and self.resolve else None
        if draft is None:
            draft = JobDraft(schedule.handler_name, schedule.payload_json, source=schedule.source or schedule.id)
        payload = due.since_last_run(draft.payload_json, schedule.last_run_at_ms)
        new = replace(draft, payload_json=payload, id=job_id, principal=schedule.principal)
        job = await self._jobs.enqueue(new, once_per_source=True)
        # A job that is still at it covers the time since it began, so the next one has to look back to there.
        if job.id != schedule.last_job_id:
            await self._change(schedule, {"last_run_at_ms": self._now_ms(), "last_job_id": job.id})
        return job

    async def _move_on(self, schedule: Schedule, next_run_at_ms: int) -> None:
        """This tick is over, unless another host has said so, or the schedule was changed."""

        await self._backend.write(lambda rows: tables.move_schedule_on(rows, schedule, next_run_at_ms))

    async def _change(self, schedule: Schedule, changes: dict[str, object]) -> Schedule:
        def work(rows: Rows) -> Schedule | None:
            tables.change_schedule(rows, schedule.id, **changes, updated_at_ms=self._now_ms())
            return tables.schedule(rows, schedule.id)

        changed = await self._backend.write(work)
        if changed is None:
            raise NotFound(f"no schedule {schedule.id!r}")
        return changed

    def _next(self, schedule: Schedule, now_ms: int) -> int:
        last_ms = schedule.next_run_at_ms if schedule.next_run_at_ms <= now_ms else now_ms
        return due.next_run_ms(schedule.interval_seconds, schedule.cron, last_ms=last_ms, now_ms=now_ms)

    def _schedule(self, draft: ScheduleDraft) -> Schedule:
        now_ms = self._now_ms()
        first = draft.first_run_at_once and not draft.cron
        following = due.next_run_ms(draft.interval_seconds, draft.cron, last_ms=now_ms, now_ms=now_ms)
        return Schedule(
            id=asid("AS", draft.handler_name, "schedule", draft.declared_by, os.urandom(RANDOM_BYTES)),
            handler_name=draft.handler_name,
            interval_seconds=draft.interval_seconds,
            cron=draft.cron,
            payload_json=draft.payload_json,
            ats_code=draft.ats_code,
            source=draft.source,
            metadata_json=draft.metadata_json,
            declared_by=draft.declared_by,
            state=draft.state,
            next_run_at_ms=now_ms if first else following,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
            principal=draft.principal,
        )


def _id_of_tick(schedule: Schedule) -> str:
    tick = f"{schedule.id} {schedule.next_run_at_ms}"
    return asid("JB", schedule.handler_name, "schedule", tick, hashlib.sha256(tick.encode()).digest()[:RANDOM_BYTES])
