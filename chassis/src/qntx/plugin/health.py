"""How a plugin says it is: what Health, GET /health and the metrics tell alike."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from typing import Any

from qntx.plugin.executor import Executor

_TOLD = ("running", "queued", "running_max", "queued_max", "idle_workers", "sandbox", "sessions")


def message(initialized: bool) -> str:
    return f"Python {platform.python_version()}" if initialized else "Not initialized"


def details(executor: Executor, handlers: Mapping[str, str], faults: tuple[str, ...]) -> dict[str, str]:
    """Names to texts, as the core's page shows them. A warm-up that goes on is no illness."""
    engine = executor.describe()
    told = {executor.variant.name: sys.version, "engine": "ready" if engine.get("ready") else _why_not(engine)}
    told["capsules"] = executor.audit.describe()
    told |= {name: str(engine[name]) for name in _TOLD if name in engine}
    told |= {f"executions.{outcome}": str(count) for outcome, count in executor.metrics.outcomes().items() if count}
    told |= {f"preload.{module}": str(why) for module, why in engine.get("preload_failed", {}).items()}
    told |= handlers
    if faults:
        told["configuration"] = "; ".join(faults)
    return told


def _why_not(engine: Mapping[str, Any]) -> str:
    return str(engine.get("fault") or "warming up")
