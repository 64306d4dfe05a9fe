"""A period that fires a handler, and when it does so next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ScheduleState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class ScheduleDraft:
    """A schedule before it is kept: an interval in seconds, or a cron expression in UTC, never both."""

    handler_name: str
    interval_seconds: float = 0.0
    cron: str = ""
    payload_json: bytes = b"{}"
    ats_code: str = ""
    source: str = ""
    metadata_json: str = "{}"
    declared_by: str = ""
    """The plugin whose declaration made it; empty for those made while running."""
    state: ScheduleState = ScheduleState.ACTIVE
    first_run_at_once: bool = True
    principal: str = ""
    """Who makes it: its jobs are theirs."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as Pulse keeps it. Times are milliseconds since the epoch; 0 is not yet."""

    id: str
    handler_name: str
    interval_seconds: float
    cron: str
    payload_json: bytes
    ats_code: str
    source: str
    metadata_json: str
    declared_by: str
    state: ScheduleState
    next_run_at_ms: int
    created_at_ms: int
    updated_at_ms: int
    last_run_at_ms: int = 0
    last_job_id: str = ""
    principal: str = ""
