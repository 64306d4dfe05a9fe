"""What the engine counts: how many, how long they waited, how long it took to have a worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qntx.model.execution import Outcome


@dataclass(slots=True)
class Duration:
    """Many durations, as their number, sum and longest."""

    count: int = 0
    sum_seconds: float = 0.0
    max_seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.sum_seconds += seconds
        self.max_seconds = max(self.max_seconds, seconds)

    def to_json(self) -> dict[str, float]:
        return {"count": self.count, "sum_seconds": self.sum_seconds, "max_seconds": self.max_seconds}


@dataclass(slots=True)
class Metrics:
    """Since the engine was opened."""

    outcomes: dict[str, int] = field(default_factory=lambda: {outcome.value: 0 for outcome in Outcome})
    refused: int = 0
    zygotes_lost: int = 0
    wait: Duration = field(default_factory=Duration)
    """From being asked to having a worker."""
    fork: Duration = field(default_factory=Duration)
    """From asking the zygote to a worker that is ready."""
    run: Duration = field(default_factory=Duration)

    def forked(self, seconds: float) -> None:
        self.fork.add(seconds)

    def ended(self, outcome: Outcome, seconds: float) -> None:
        self.outcomes[outcome.value] += 1
        self.run.add(seconds)

    def to_json(self) -> dict[str, Any]:
        return {
            "outcomes": dict(self.outcomes),
            "refused": self.refused,
            "zygotes_lost": self.zygotes_lost,
            "wait": self.wait.to_json(),
            "fork": self.fork.to_json(),
            "run": self.run.to_json(),
        }
