"""Runs glyphs of the canvas for the watchers that fire them, and tells how each run ended, as QNTX tells its pages."""

from __future__ import annotations

import time
from dataclasses import dataclass

import msgspec

from qntx.errors import ChassisError
from qntx.host.answers import EVENT
from qntx.host.events import Hub
from qntx.host.executor import Answer, Executor, Script
from qntx.host.keeping import CanvasStore
from qntx.host.melds import upstream_of
from qntx.host.watchers.dispatch import Ran
from qntx.model.attestation import Attestation
from qntx.model.execution import Trigger
from qntx.model.watcher import Watcher, action_fields

TOLD_BYTES_MAX = 256 * 1024
"""Of an answer in an event. The canvas has larger ones."""


@dataclass(frozen=True, slots=True)
class _Target:
    """What a watcher fires, as it is now."""

    glyph_id: str
    symbol: str
    code: str
    timeout_seconds: float | None


class Glyphs:
    """What they answer is kept on the canvas by whoever observes the executor."""

    def __init__(self, executor: Executor, canvas: CanvasStore, hub: Hub) -> None:
        self._executor = executor
        self._canvas = canvas
        self._hub = hub

    async def symbol(self, watcher: Watcher) -> str:
        """Who runs the glyph it fires; empty where there is none."""
        target = await self._target(watcher)
        return target.symbol if target else ""

    async def run(self, watcher: Watcher, claim: Attestation) -> Ran:
        target = await self._target(watcher)
        if target is None:
            glyph_id = action_fields(watcher, "target_glyph_id")["target_glyph_id"]
            return Ran(
                False, f"no glyph on the canvas has the id {glyph_id!r}: delete this watcher, or change its target"
            )
        script = Script(
            code=target.code,
            glyph=target.symbol,
            glyph_id=target.glyph_id,
            upstream=upstream_of(claim),
            timeout_seconds=target.timeout_seconds,
            trigger=Trigger("watcher", watcher.id),
            principal=watcher.principal,
        )
        self._tell(watcher, claim, script, "started")
        try:
            answer = await self._executor.run(script)
        except ChassisError as error:
            self._tell(watcher, claim, script, "error", str(error))
            raise
        status = "success" if answer.success else "error"
        self._tell(watcher, claim, script, status, answer.error or "", _told(answer))
        return Ran(answer.success, answer.error or "", answer.stdout + answer.stderr)

    async def _target(self, watcher: Watcher) -> _Target | None:
        fields = action_fields(watcher, "target_glyph_id")
        glyph_id, code = str(fields["target_glyph_id"]), fields.get("code")
        kept = await self._canvas.glyph(glyph_id)
        if isinstance(code, str):
            symbol = fields.get("target_glyph_type") or (kept.symbol if kept else watcher.glyph)
            return _Target(glyph_id, str(symbol), code, None)
        return _Target(glyph_id, kept.symbol, kept.content, kept.timeout_seconds) if kept else None

    def _tell(
        self, watcher: Watcher, claim: Attestation, script: Script, status: str, error: str = "", result: str = ""
    ) -> None:
        self._hub.publish(
            EVENT,
            glyph_id=script.glyph_id,
            watcher_id=watcher.id,
            attestation_id=claim.id,
            execution_id=script.execution_id,
            status=status,
            error=error,
            result=result,
            timestamp=int(time.time()),
        )


def _told(answer: Answer) -> str:
    told = msgspec.json.encode(answer)
    return told.decode() if len(told) <= TOLD_BYTES_MAX else ""
