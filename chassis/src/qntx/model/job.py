"""One thing Pulse will do once: its states, and which may follow which."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class JobState(StrEnum):
    """
    queued ──▶ running ──▶ completed
      │ ▲  ╲      │ │ ╲──▶ failed
      ▼ │   ╲     │ ╰────▶ queued      (a retry, or a host that died)
    paused   ╲    ▼
      ╰───────╲─▶ cancelled
    """

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})
ACTIVE = frozenset(JobState) - ENDED

FOLLOWS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED}),
    JobState.RUNNING: frozenset(
        {JobState.QUEUED, JobState.PAUSED, JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.PAUSED: frozenset({JobState.QUEUED, JobState.CANCELLED}),
    # A person may ask for a job that failed or was cancelled to be tried again.
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
    JobState.COMPLETED: frozenset(),
}


def may_follow(state: JobState, next_state: JobState) -> bool:
    return next_state in FOLLOWS[state]


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a failed job is tried again, and after how long: the delay doubles each time, up to a minute."""

    attempts: int = 0
    delay_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Grants:
    """What a job may use beyond its variant's own limits.

    Only the host gives any, and never by what a payload says: scripts write payloads too.
    """

    network: bool = False
    subprocess: bool = False
    readable_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobDraft:
    """A job before it is queued."""

    handler_name: str
    """`{plugin}/{handler}`."""
    payload_json: bytes = b"{}"
    source: str = ""
    """Where the work comes from. Two jobs with one handler and one source are never active together."""
    priority: int = 0
    """Higher goes first; the oldest first within one."""
    delay_seconds: float = 0.0
    timeout_seconds: float = 300.0
    retry: Retry = field(default_factory=Retry)
    parent_id: str = ""
    cost_estimate: float = 0.0
    grants: Grants = field(default_factory=Grants)
    id: str = ""
    """Chosen by the caller, so that asking twice makes one job. Empty: Pulse makes one."""
    principal: str = ""
    """Who asks: the name of their token. Turns and records go by it; retries and children have it too."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as Pulse keeps it. Times are milliseconds since the epoch; 0 is not yet."""

    id: str
    handler_name: str
    payload_json: bytes
    source: str
    state: JobState
    priority: int
    timeout_seconds: float
    retry: Retry
    parent_id: str
    created_at_ms: int
    due_at_ms: int
    started_at_ms: int = 0
    ended_at_ms: int = 0
    attempts: int = 0
    """Runs begun so far."""
    generation: int = 0
    """How often it was put into the queue: each time is a delivery of its own."""
    progress_current: float = 0.0
    progress_total: float | None = None
    progress_message: str = ""
    result_json: bytes = b"null"
    error: str = ""
    waiting_for: str = ""
    """Why a queued job does not start: the plugin or handler that is not there."""
    cost_estimate: float = 0.0
    cost_actual: float = 0.0
    plugin_version: str = ""
    grants: Grants = field(default_factory=Grants)
    principal: str = ""
    """Who asked. Empty where nobody had to say who they are."""

    @property
    def active(self) -> bool:
        return self.state in ACTIVE


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line a job left behind."""

    timestamp_ms: int
    level: str
    message: str
    stage: str = ""
    metadata_json: str = ""


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What running a job once came to."""

    success: bool
    result_json: bytes = b"null"
    error: str = ""
    log: tuple[LogLine, ...] = ()
    cost: float = 0.0
    plugin_version: str = ""
