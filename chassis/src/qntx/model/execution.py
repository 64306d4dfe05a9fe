"""A run of a script: what is asked, what may be used, how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Mode(Enum):
    """What the code's value is."""

    EXECUTE = "execute"
    """`_result` where the code sets it, else the value of the last expression, else null."""
    EVALUATE = "evaluate"
    """The code is one expression."""


class Outcome(Enum):
    """How a run ended. Only one of these is good."""

    FINISHED = "finished"
    RAISED = "raised"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    OUT_OF_MEMORY = "out_of_memory"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use. Zero means zero."""

    timeout_seconds: float = 30.0
    memory_mib: int = 1024
    processes: int = 64
    output_bytes: int = 1024 * 1024
    """Kept of each of stdout and stderr; the rest is read, counted and dropped."""
    scratch_mib: int = 256
    network: bool = False
    subprocess: bool = False
    readable_paths: tuple[str, ...] = ()
    network_ports: tuple[int, ...] = (22, 53, 80, 443, 9418)
    """Where `network`: the TCP ports it may connect to. What else this machine serves is not for scripts."""


CLIENT_HEADER = "QNTX-Client"
"""By which a program says to the host what it is, so that records of its runs say so. It permits nothing."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What asked for a run."""

    kind: str = "call"
    """call, http, websocket, cli, watcher or job."""
    name: str = ""
    """Which one: the watcher's id, the job's."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One run that is asked for."""

    code: str
    id: str
    mode: Mode = Mode.EXECUTE
    filename: str = "<glyph>"
    limits: Limits = field(default_factory=Limits)
    glyph_id: str = ""
    upstream: Any = None
    """The attestation that fired the run, or whatever JSON value came with it."""
    handler: str = ""
    """The discovered handler that runs: attest() appends it to contexts."""
    call: str = ""
    """A top-level function to call once the module has run; its return value is the result."""
    call_with: tuple[Any, ...] = ()
    """The arguments of that call, JSON values."""
    capture_variables: bool = False
    session_id: str = ""
    principal: str = ""
    job_id: str = ""
    """The job whose run it is, where the host said so: jobs that it enqueues are that one's children."""
    trigger: Trigger = field(default_factory=Trigger)


@dataclass(frozen=True, slots=True)
class Result:
    """What a run left behind. A run that was killed has one too."""

    outcome: Outcome
    stdout: str = ""
    stderr: str = ""
    result_json: bytes = b"null"
    """As the worker encoded it: valid JSON, never parsed on the way."""
    error: str = ""
    """The traceback, or why there is none. Empty exactly when FINISHED."""
    duration_ms: float = 0.0
    variables: dict[str, str] = field(default_factory=dict)
    displays: tuple[dict[str, Any], ...] = ()
    """MIME bundles in the order they were shown."""
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    truncated: bool = False
    attestations: int = 0
    cpu_ms: float = 0.0
    peak_rss_bytes: int = 0
    missing_module: str = ""
    capsule_id: str = ""
    """The record of this run in the audit trail."""

    @property
    def success(self) -> bool:
        return self.outcome is Outcome.FINISHED
