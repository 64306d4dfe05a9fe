"""How many runs ended how, in the text format Prometheus reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from qntx.model.execution import Outcome, Result

BUCKETS_SECONDS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counts what one plugin has run."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin
        self._outcomes: Counter[Outcome] = Counter()
        self._refusals: Counter[str] = Counter()
        self._buckets: Counter[float] = Counter()
        self._seconds = 0.0
        self._attestations = 0

    def ended(self, result: Result) -> None:
        seconds = result.duration_ms / 1000
        self._outcomes[result.outcome] += 1
        self._seconds += seconds
        self._attestations += result.attestations
        for bound in BUCKETS_SECONDS:
            self._buckets[bound] += seconds <= bound

    def refused(self, error: Exception) -> None:
        self._refusals[type(error).__name__] += 1

    def outcomes(self) -> dict[str, int]:
        return {outcome.value: self._outcomes[outcome] for outcome in Outcome}

    def text(self, engine: Mapping[str, Any]) -> str:
        return "".join(f"{line}\n" for line in self._lines(engine))

    def _lines(self, engine: Mapping[str, Any]) -> Iterable[str]:
        plugin = f'plugin="{self._plugin}"'
        yield "# TYPE qntx_executions_total counter"
        for outcome, count in self.outcomes().items():
            yield f'qntx_executions_total{{{plugin},outcome="{outcome}"}} {count}'
        yield "# TYPE qntx_executions_refused_total counter"
        for error, count in sorted(self._refusals.items()):
            yield f'qntx_executions_refused_total{{{plugin},error="{error}"}} {count}'
        yield "# TYPE qntx_execution_seconds histogram"
        for bound in BUCKETS_SECONDS:
            yield f'qntx_execution_seconds_bucket{{{plugin},le="{bound:g}"}} {self._buckets[bound]}'
        total = self._outcomes.total()
        yield f'qntx_execution_seconds_bucket{{{plugin},le="+Inf"}} {total}'
        yield f"qntx_execution_seconds_sum{{{plugin}}} {self._seconds:.6f}"
        yield f"qntx_execution_seconds_count{{{plugin}}} {total}"
        yield "# TYPE qntx_attestations_total counter"
        yield f"qntx_attestations_total{{{plugin}}} {self._attestations}"
        for name in ("running", "running_max", "queued", "queued_max", "idle_workers", "sessions"):
            yield f"# TYPE qntx_{name} gauge"
            yield f"qntx_{name}{{{plugin}}} {engine.get(name, 0)}"
        machinery = engine.get("metrics", {})
        yield "# TYPE qntx_zygote_restarts_total counter"
        yield f"qntx_zygote_restarts_total{{{plugin}}} {machinery.get('zygotes_lost', 0)}"
        for name in ("wait", "fork"):
            taken = machinery.get(name, {})
            yield f"# TYPE qntx_worker_{name}_seconds summary"
            yield f"qntx_worker_{name}_seconds_sum{{{plugin}}} {taken.get('sum_seconds', 0.0):.6f}"
            yield f"qntx_worker_{name}_seconds_count{{{plugin}}} {taken.get('count', 0)}"
