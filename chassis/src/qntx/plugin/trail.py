"""What the audit trail says of a run, and the chain it is kept in.

Imported by name, after the port was told: it brings cryptography with it, and whoever started the plugin waits two
seconds for the port.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qntx.capsules import (
    Capsule,
    Capsules,
    CapsuleType,
    ContextSection,
    Recorder,
    Run,
    Seal,
    TriggerSection,
)
from qntx.model.execution import Execution, Outcome, Result

CAUSES = {"job": "system", "watcher": "system"}
"""How the specification calls what asked; the others are a person's requests."""
ERROR_CHARACTERS_MAX = 500


class Trail:
    """The chain in one file. Opening it makes it and its key where there is none, and blocks."""

    def __init__(self, file: Path, key: Path) -> None:
        seal = Seal(key)
        self._capsules = Capsules(file, seal=seal)
        # Now, because a run whose record could not be signed or kept must not start.
        seal.get_public_key()
        asyncio.run(self._capsules.storage.count())
        self._recorder = Recorder(self._capsules)
        self._recorder.recover()

    def begin(self, execution: Execution, environment: Mapping[str, Any]) -> Entry:
        """Note that the run's code is about to start. Raises CapsuleError where that cannot be noted."""
        capsule = Capsule(
            type=CapsuleType.TOOL,
            trigger=TriggerSection(
                type=CAUSES.get(execution.trigger.kind, "user_request"),
                source=_source(execution),
                request=f"sha256:{_digest(execution.code)}",
                correlation_id=execution.id,
                user_id=execution.principal or None,
            ),
            context=ContextSection(
                agent_id=str(environment["plugin"]),
                session_id=execution.session_id or None,
                environment={**environment, **_asked(execution)},
            ),
        )
        return Entry(self._recorder.begin(capsule))

    async def aclose(self) -> None:
        """Seal what has ended. What has not is left to whoever comes next."""
        await asyncio.to_thread(self._recorder.close)
        await self._capsules.close()


class Entry:
    """One run's record, open until it is known how the run ended."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def id(self) -> str:
        return self._run.id

    def ended(self, result: Result, calls_home: int) -> None:
        capsule = self._run.capsule
        capsule.execution.resources_used = {
            "attestations": result.attestations,
            "calls_home": calls_home,
            "cpu_ms": result.cpu_ms,
            "peak_rss_bytes": result.peak_rss_bytes,
        }
        capsule.outcome.summary = f"{result.outcome.value.replace('_', ' ')} in {result.duration_ms:.0f} ms"
        capsule.outcome.metrics = {
            "ended": result.outcome.value,
            "stdout": _output(result.stdout, result.stdout_bytes),
            "stderr": _output(result.stderr, result.stderr_bytes),
        }
        self._run.finish(
            "success" if result.success else "failure",
            error=_reason(result) or None,
            result={"sha256": hashlib.sha256(result.result_json).hexdigest(), "bytes": len(result.result_json)},
            duration_ms=round(result.duration_ms),
        )

    def lost(self, why: str) -> None:
        """It ended without a result."""
        self._run.capsule.outcome.metrics = {"ended": "lost"}
        self._run.finish("failure", error=why)


def _source(execution: Execution) -> str:
    """What stands behind the run, in one word: its handler, its glyph, else how it came in."""
    if execution.handler:
        return f"handler:{execution.handler}"
    if execution.glyph_id:
        return f"glyph:{execution.glyph_id}"
    return execution.trigger.kind


def _asked(execution: Execution) -> dict[str, Any]:
    """Through what the run was asked for, what is called in it, and the attestation that it answers to."""
    upstream = execution.upstream.get("id") if isinstance(execution.upstream, dict) else None
    told = {
        "trigger": execution.trigger.kind,
        "trigger_name": execution.trigger.name,
        "handler": execution.handler,
        "call": execution.call,
        "glyph_id": execution.glyph_id,
        "filename": execution.filename,
        "upstream": upstream,
    }
    return {name: value for name, value in told.items() if value}


def _reason(result: Result) -> str:
    """One line of the error: of a traceback the last, which names it; of a killing the first, before any dump."""
    lines = [line for line in result.error.splitlines() if line.strip()]
    if not lines:
        return ""
    last = result.outcome is Outcome.RAISED or lines[0].startswith("Traceback")
    return lines[-1 if last else 0][:ERROR_CHARACTERS_MAX]


def _output(kept: str, written_bytes: int) -> dict[str, Any]:
    """The digest is of what was kept; the count is of all that was written."""
    return {"sha256": _digest(kept), "bytes": written_bytes} if written_bytes else {"bytes": 0}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
