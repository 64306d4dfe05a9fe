"""What an engine promises, and what it asks of whoever runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from qntx.model.execution import Execution, Limits, Result


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run: started, stdout, stderr, display, progress, log or end.

    `data` is bytes for stdout and stderr, a Result for end, a JSON object otherwise.
    """

    sequence: int
    kind: str
    data: Any


class Home(Protocol):
    """What a script's calls reach. One for each run; it knows who runs.

    Arguments come from hostile code: names are checked by the engine against the script API's table, values are not.
    Whatever is raised reaches the script as a RuntimeError with that text.
    """

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Answer one call of the script API: `last`, `fetch`, `schedule`, … Returns a JSON value."""

    async def attest(self, drafts: Sequence[bytes]) -> Sequence[tuple[str, int]]:
        """Store these drafts, in order, each the JSON text of an object as the worker sent it.

        Returns the id and the timestamp in milliseconds of each. All or none: an error refuses them all.
        """


@dataclass(frozen=True, slots=True)
class Settings:
    """How an engine is set up for a variant."""

    name: str
    preload: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    running_max: int = 0
    """Runs at once; 0 here is the number of cores."""
    queued_max: int = 256
    environment: Mapping[str, str] = field(default_factory=dict)
    """Set in the workers; nothing else of the plugin's environment reaches them but PATH, HOME, LANG and TZ."""
    paths: tuple[str, ...] = ()
    """Prepended to the workers' sys.path."""
    paths_after: tuple[str, ...] = ()
    """Appended to it: what lies there hides nothing."""
    require_sandbox: str = "limits"
    """The lowest rung that will do: full, landlock or limits."""
    sandbox_max: str = "full"
    """The highest rung to try."""


class Engine(Protocol):
    """An async context manager: entered, it forks; left, nothing of it is alive."""

    async def run(self, execution: Execution, home: Home, on_event: Callable[[Event], None] | None = None) -> Result:
        """Run it to its end. Raises Busy past the queue's bound and WorkerLost when the machinery broke.

        `on_event` is told `started` before any of the code runs; what it raises then is raised here, and nothing runs.
        Cancelling the task that awaits this stops the run.
        """

    def cancel(self, execution_id: str) -> bool:
        """Stop that run; its Result says CANCELLED. False where no run of that id is under way."""

    def sessions(self, principal: str) -> Sequence[Mapping[str, Any]]:
        """The sessions of that principal: session_id, created_at_ms, used_at_ms, runs."""

    async def inspect_session(self, principal: str, session_id: str) -> Sequence[Mapping[str, str]]:
        """Its variables: name, type, repr. Raises NotFound."""

    def end_session(self, principal: str, session_id: str) -> bool:
        """Forget its variables. False where there is none."""

    def describe(self) -> Mapping[str, Any]:
        """What Health and Capabilities tell: ready, sandbox, primitives, running, queued, idle_workers, …"""
