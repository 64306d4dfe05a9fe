"""How handlers have fared since this plugin started: which fail, and with what."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from qntx.model.execution import Result

RUNS_KEPT = 20
ERROR_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a handler, in short."""

    execution_id: str
    function: str
    ended_at_ms: int
    outcome: str
    duration_ms: float
    error: str
    """The last line of its traceback."""


@dataclass(slots=True)
class Record:
    """What is known of one handler's runs."""

    runs: int = 0
    failures: int = 0
    failing_in_a_row: int = 0
    recent: deque[Run] = field(default_factory=lambda: deque(maxlen=RUNS_KEPT))

    def ended(self, run: Run, *, success: bool) -> None:
        self.runs += 1
        self.failures += not success
        self.failing_in_a_row = 0 if success else self.failing_in_a_row + 1
        self.recent.append(run)

    def status(self) -> str:
        """new, ok or failing: by the last run, which is what a person who looks wants mended."""
        if not self.recent:
            return "new"
        return "failing" if self.failing_in_a_row else "ok"

    def told(self) -> dict[str, Any]:
        """For HTTP: counts and the last runs, newest first."""
        return {
            "runs": self.runs,
            "failures": self.failures,
            "failing_in_a_row": self.failing_in_a_row,
            "last_runs": [asdict(run) for run in reversed(self.recent)],
        }

    def in_a_line(self) -> str:
        last = self.recent[-1]
        return f"failing ({self.failures} of {self.runs} runs failed): {last.error or last.outcome}"


def run_of(execution_id: str, function: str, ended_at_ms: int, result: Result) -> Run:
    lines = result.error.strip().splitlines()
    return Run(
        execution_id=execution_id,
        function=function,
        ended_at_ms=ended_at_ms,
        outcome=result.outcome.value,
        duration_ms=result.duration_ms,
        error=lines[-1][:ERROR_CHARACTERS] if lines else "",
    )
