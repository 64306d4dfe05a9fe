"""What Pulse promises, and what it needs of the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from qntx.model.job import Job, JobDraft, JobOutcome, JobState, LogLine
from qntx.model.schedule import Schedule, ScheduleDraft, ScheduleState


class Dispatcher(Protocol):
    """Runs a job where its handler lives."""

    def missing(self, handler_name: str) -> str:
        """What a job with that handler has to wait for; empty when it can run now."""

    async def run(self, job: Job, report: Report) -> JobOutcome:
        """Run it once. Cancelling stops the script. Raises Unavailable when the plugin could not be reached."""


@dataclass(frozen=True, slots=True)
class Report:
    """How a running job tells of itself."""

    progress: Callable[[float, float | None, str], None]
    log: Callable[[LogLine], None]


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list; what is not set asks nothing."""

    states: frozenset[JobState] = frozenset()
    handler_name: str = ""
    source: str = ""
    parent_id: str = ""
    ingested_by: str = ""
    """Jobs of `ix` with that type."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The lines of a job that say the same stage."""

    name: str
    lines: int
    first_ms: int
    last_ms: int


class Jobs(Protocol):
    async def enqueue(self, draft: JobDraft, *, once_per_source: bool = False) -> Job:
        """Keep it and put it into the queue; returns once it is durable.

        With `once_per_source`, a job of that handler and source which is still active is returned instead.
        """

    async def get(self, job_id: str) -> Job:
        """Raises NotFound."""

    async def find(self, wanted: JobFilter, *, limit: int = 100, offset: int = 0) -> list[Job]:
        """The newest that match, newest first."""

    async def cancel(self, job_id: str) -> Job:
        """Stop it, running or not. Raises InvalidRequest when it has ended."""

    async def pause(self, job_id: str) -> Job: ...

    async def resume(self, job_id: str) -> Job: ...

    async def retry(self, job_id: str) -> Job:
        """Put a job that failed or was cancelled into the queue once more."""

    async def log(self, job_id: str, *, after: int = 0, limit: int = 1000) -> list[tuple[int, LogLine]]:
        """Its lines from the oldest, each with its number."""

    async def stages(self, job_id: str) -> list[Stage]:
        """What its lines tell of, in the order in which each began."""


class Schedules(Protocol):
    async def create(self, draft: ScheduleDraft) -> Schedule: ...

    async def get(self, schedule_id: str) -> Schedule:
        """Raises NotFound."""

    async def list(self, *, states: Sequence[ScheduleState] = ()) -> list[Schedule]: ...

    async def set_state(self, schedule_id: str, state: ScheduleState) -> Schedule: ...

    async def set_period(self, schedule_id: str, interval_seconds: float = 0.0, cron: str = "") -> Schedule:
        """An interval, or else a cron expression, in place of what it had."""

    async def trigger(self, schedule_id: str) -> Job:
        """Fire it now, whatever its state and its next tick."""

    async def declare(self, plugin: str, declared: Sequence[ScheduleDraft]) -> None:
        """Make the schedules that plugin declares the ones it has; those it no longer declares are deleted."""
