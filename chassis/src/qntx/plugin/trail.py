"""What the audit trail says of a run, and the chain it is kept in.

Imported by name, after the port was told: it brings cryptography with it, and whoever started the plugin waits two
seconds for the port.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qntx.capsules import Capsule, Capsules, CapsuleType, Recorder, Seal
from qntx.capsules.entries import whole
from qntx.capsules.intents import Noted
from qntx.model.execution import Execution, Outcome, Result
from qntx.plugin.audit import SealingHost
from qntx.plugin.handing import HandedOver

CAUSES = {"job": "system", "watcher": "system"}
"""How the specification calls what asked; the others are a person's requests."""
ERROR_CHARACTERS_MAX = 500
DIGESTED_AT_ONCE_BYTES = 16_384
"""Outputs of a run up to which their digests are part of the note that precedes the answer."""

Digest = Callable[[str | bytes], str]


class Trail:
    """The chain in one file; of a host that seals, what was started there. Opening it blocks.

    It makes the file and its key where there is none.
    """

    def __init__(self, file: Path, key: Path, host: SealingHost | None = None, *, durable: str) -> None:
        # Now, because a run whose record could not be signed or kept must not start.
        if host is None:
            seal = Seal(key)
            seal.get_public_key()
            self._capsules = Capsules(file, seal=seal)
            asyncio.run(self._capsules.storage.count())
            self._recorder = Recorder(self._capsules, durable=durable)
        else:
            handed = HandedOver(host)
            handed.check()
            self._capsules = Capsules(storage=handed, seal=Seal(key))
            self._recorder = Recorder(self._capsules, intents=file, durable=durable)
        self._recorder.recover()
        self._environment: Mapping[str, Any] = {}
        self._environment_text = ""

    def begin(self, execution: Execution, environment: Mapping[str, Any], sandbox: str) -> Entry:
        """Note that the run's code is about to start. Raises CapsuleError where that cannot be noted.

        `environment` is what the runs before had too, and then the very same mapping.
        """
        capsule_id = _new_id()
        opening = _opening(capsule_id, execution, str(environment["plugin"]), sandbox)
        noted = self._recorder.note(capsule_id, json.dumps(opening), None, self._text(environment))
        return Entry(self._recorder, noted, opening, environment)

    async def aclose(self) -> None:
        """Seal what has ended. What has not is left to whoever comes next."""
        await asyncio.to_thread(self._recorder.close)
        await self._capsules.close()

    def _text(self, environment: Mapping[str, Any]) -> str:
        if environment is not self._environment:
            self._environment, self._environment_text = environment, json.dumps(environment)
        return self._environment_text


class Entry:
    """One run's record, open until it is known how the run ended."""

    def __init__(
        self, recorder: Recorder, noted: Noted, opening: dict[str, Any], environment: Mapping[str, Any]
    ) -> None:
        self._recorder = recorder
        self._noted = noted
        self._opening = opening
        self._environment = environment
        self._begun = time.monotonic()

    @property
    def id(self) -> str:
        return str(self._opening["id"])

    def ended(self, result: Result, calls_home: int) -> None:
        """Of large outputs the digests are taken later, off the way of the answer."""
        size = len(result.stdout) + len(result.stderr) + len(result.result_json)
        if size <= DIGESTED_AT_ONCE_BYTES:
            ending = _ending(result, calls_home, _digest)
            self._conclude(ending, lambda: ending)
        else:
            self._conclude(_ending(result, calls_home, _undigested), lambda: _ending(result, calls_home, _digest))

    def lost(self, why: str) -> None:
        """It ended without a result."""
        ending = {
            "execution": {"duration_ms": round(1000 * (time.monotonic() - self._begun))},
            "outcome": {"status": "failure", "error": why, "metrics": {"ended": "lost"}},
        }
        self._conclude(ending, lambda: ending)

    def _conclude(self, ending: dict[str, Any], whole_ending: Callable[[], dict[str, Any]]) -> None:
        def make() -> Capsule:
            return Capsule.from_dict(whole(self._opening, self._environment, whole_ending()))

        self._recorder.conclude(self._noted, json.dumps(ending), make)


def _new_id() -> str:
    """A random UUID. By hand, because here each microsecond is one that a run waits for."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _opening(capsule_id: str, execution: Execution, plugin: str, sandbox: str) -> dict[str, Any]:
    """What is known of the capsule before the run: who asked for what."""
    return {
        "id": capsule_id,
        "type": CapsuleType.TOOL.value,
        "trigger": {
            "type": CAUSES.get(execution.trigger.kind, "user_request"),
            "source": _source(execution),
            "timestamp": datetime.now(UTC).isoformat(),
            "request": f"sha256:{_digest(execution.code)}",
            "correlation_id": execution.id,
            "user_id": execution.principal or None,
        },
        "context": {
            "agent_id": plugin,
            "session_id": execution.session_id or None,
            "environment": _asked(execution, sandbox),
        },
    }


def _ending(result: Result, calls_home: int, digest: Digest) -> dict[str, Any]:
    """The sections of the capsule that say how the run ended."""
    return {
        "execution": {
            "duration_ms": round(result.duration_ms),
            "resources_used": {
                "attestations": result.attestations,
                "calls_home": calls_home,
                "cpu_ms": result.cpu_ms,
                "peak_rss_bytes": result.peak_rss_bytes,
            },
        },
        "outcome": {
            "status": "success" if result.success else "failure",
            "result": {"sha256": digest(result.result_json), "bytes": len(result.result_json)},
            "summary": f"{result.outcome.value.replace('_', ' ')} in {result.duration_ms:.0f} ms",
            "error": _reason(result) or None,
            "metrics": {
                "ended": result.outcome.value,
                "stdout": _output(result.stdout, result.stdout_bytes, digest),
                "stderr": _output(result.stderr, result.stderr_bytes, digest),
            },
        },
    }


def _source(execution: Execution) -> str:
    """What stands behind the run, in one word: its handler, its glyph, its job's script, else how it came in."""
    if execution.handler:
        return f"handler:{execution.handler}"
    if execution.glyph_id:
        return f"glyph:{execution.glyph_id}"
    if execution.trigger.kind == "job":
        return f"script:{execution.filename.strip('<>')}"
    return execution.trigger.kind


def _asked(execution: Execution, sandbox: str) -> dict[str, Any]:
    """Through what the run was asked for, what is called in it, what holds it in, the attestation it answers to."""
    upstream = execution.upstream.get("id") if isinstance(execution.upstream, dict) else None
    told = {
        "trigger": execution.trigger.kind,
        "trigger_name": execution.trigger.name,
        "handler": execution.handler,
        "call": execution.call,
        "glyph_id": execution.glyph_id,
        "filename": execution.filename,
        "upstream": upstream,
        "sandbox": sandbox,
    }
    return {name: value for name, value in told.items() if value}


def _reason(result: Result) -> str:
    """One line of the error: of a traceback the last, which names it; of a killing the first, before any dump."""
    lines = [line for line in result.error.splitlines() if line.strip()]
    if not lines:
        return ""
    last = result.outcome is Outcome.RAISED or lines[0].startswith("Traceback")
    return lines[-1 if last else 0][:ERROR_CHARACTERS_MAX]


def _output(kept: str, written_bytes: int, digest: Digest) -> dict[str, Any]:
    """The digest is of what was kept; the count is of all that was written."""
    return {"sha256": digest(kept), "bytes": written_bytes} if written_bytes else {"bytes": 0}


def _digest(data: str | bytes) -> str:
    return hashlib.sha256(data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data).hexdigest()


def _undigested(data: str | bytes) -> str:
    return ""
