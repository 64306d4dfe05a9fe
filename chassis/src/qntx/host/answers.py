"""What glyphs on the canvas answer: kept there, told to every open page, and fed to the glyphs that are melded.

The executor tells of each run, whoever asked for it. An ix glyph runs nothing itself: its answer is its job's.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from contextlib import aclosing, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec
import structlog

from qntx.errors import ChassisError, InvalidRequest, NotFound
from qntx.host.canvas import RESULT_BYTES_MAX
from qntx.host.events import Hub
from qntx.host.executor import Answer, Happened, Script
from qntx.host.keeping import CanvasStore
from qntx.host.melds import actor, answered, upstream_of
from qntx.host.store.admission import ATTESTATION_BYTES_MAX, admit
from qntx.host.store.base import AttestationStore
from qntx.host.transcripts import Transcripts
from qntx.model.attestation import Filter

EVENT = "glyph_fired"
FED_BYTES_MAX = ATTESTATION_BYTES_MAX
"""What is larger cannot be made into one."""
UNCLAIMED_MAX = 16
TOO_LARGE = "The result was too large to keep. Run the glyph again to see it."

log = structlog.get_logger("qntx.host.answers")


class _Done(NamedTuple):
    """A job's answer."""

    job_id: str
    completed_at: str
    answer_json: bytes

    def drawn(self, glyph_id: str) -> bytes:
        """What stands in for chance in the id of its attestation: every host that hears of it draws the same."""
        return hashlib.sha256(f"{glyph_id}\0{self.job_id}\0{self.completed_at}".encode()).digest()


class Answers:
    """An async context manager: entered, it follows the jobs of ix glyphs too."""

    def __init__(self, canvas: CanvasStore, store: AttestationStore, hub: Hub, transcripts: Transcripts) -> None:
        self._canvas = canvas
        self._store = store
        self._hub = hub
        self._transcripts = transcripts
        self._newest: dict[str, str] = {}
        """Of the runs under way whose glyph feeds others: its newest attestation when they began."""
        self._unclaimed: dict[str, _Done] = {}
        """What jobs answered that ended before a glyph said that they are its own; the last few."""

    async def __aenter__(self) -> Self:
        self._following = asyncio.create_task(self._follow_jobs(), name="answers of ix glyphs")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._following.cancel()
        with suppress(asyncio.CancelledError):
            await self._following

    async def began(self, script: Script) -> Script:
        """That run begins; a glyph that is fed sees what feeds it, unless it is told something else."""
        glyph = await self._canvas.glyph(script.glyph_id)
        if glyph is None:
            return script
        if await self._canvas.fed_by(glyph.id):
            self._newest[script.execution_id] = await self._newest_of(glyph.id)
        if script.upstream is None and glyph.fed_by:
            script = replace(script, upstream=await self._upstream(glyph.fed_by))
        self._transcripts.began(script)
        self._tell(script, "started")
        return script

    def happened(self, script: Script, event: Happened) -> None:
        self._transcripts.happened(script, event)

    async def ended(self, script: Script, answer: Answer | None, reason: str = "") -> None:
        """That run has ended: with an answer, or with the reason why there is none."""
        before = self._newest.pop(script.execution_id, None)
        self._transcripts.ended(script)
        try:
            if answer is not None:
                await self._keep(script.glyph_id, answer)
                feeds = answer.success and before is not None
                if feeds and await self._newest_of(script.glyph_id) == before:
                    await self._feed(script.glyph_id, bytes(answer.result))
        except NotFound:
            return  # It stands nowhere on the canvas, or not any more.
        except ChassisError as fault:
            log.warning("answer of a glyph is not kept or fed on", glyph=script.glyph_id, reason=str(fault))
        error = reason if answer is None else answer.error or ""
        self._tell(script, "error" if error else "success", error)

    async def ingests(self, glyph_id: str, job_id: str) -> None:
        """That job is the ix glyph's. It may have ended by now: a page is slower than a short job."""
        self._publish(glyph_id, job_id, "started", "")
        done = self._unclaimed.pop(job_id, None)
        if done is not None:
            await self._feed_job(glyph_id, done)

    async def _upstream(self, source: str) -> Any:
        """What the glyph that feeds this one last attested, or else answered."""
        if newest := await self._store.find(Filter(actors=(actor(source),)), limit=1):
            return upstream_of(newest[0])
        kept = await self._canvas.answer(source)
        return msgspec.json.decode(kept).get("result") if kept else None

    async def _keep(self, glyph_id: str, answer: Answer) -> None:
        told = msgspec.json.encode(answer)
        if len(told) > RESULT_BYTES_MAX:
            short = msgspec.structs.replace(answer, result=msgspec.Raw(json.dumps(TOO_LARGE).encode()), displays=[])
            told = msgspec.json.encode(short)
        await self._canvas.keep_answer(glyph_id, told)

    async def _feed_job(self, glyph_id: str, done: _Done) -> None:
        """Every host hears of a job that shares its database: the id sees to it that there is one attestation."""
        if await self._canvas.fed_by(glyph_id):
            await self._feed(glyph_id, done.answer_json, done.drawn(glyph_id))

    async def _feed(self, glyph_id: str, answer_json: bytes, drawn: bytes = b"") -> None:
        """Set off what is melded, by an attestation of the answer; its id is of chance, or of what was drawn."""
        if len(answer_json) > FED_BYTES_MAX:
            await self._cannot_feed(glyph_id, f"{len(answer_json) / 1024 / 1024:.1f} MiB, more than is fed on")
            return
        draft = answered(glyph_id, msgspec.json.decode(answer_json))
        try:
            if drawn:
                await self._store.put(admit(draft, time.time_ns() // 1_000_000, drawn))
            else:
                await self._store.add(draft)
        except InvalidRequest as fault:
            await self._cannot_feed(glyph_id, f"what cannot be attested ({fault})")

    async def _cannot_feed(self, glyph_id: str, answered: str) -> None:
        reason = f"not run: what feeds it answered {answered}; let it answer less, or attest it in parts"
        for fed in await self._canvas.fed_by(glyph_id):
            self._publish(fed, "", "error", reason)

    async def _newest_of(self, glyph_id: str) -> str:
        newest = await self._store.find(Filter(actors=(actor(glyph_id),)), limit=1)
        return newest[0].id if newest else ""

    async def _follow_jobs(self) -> None:
        async with aclosing(self._hub.listen(["job"])) as events:
            async for event in events:
                told = event.data
                # Of what ran in another host a long result is not told; that one feeds it on.
                if told.get("status") != "completed" or (event.elsewhere and told["result"] is None):
                    continue
                try:
                    await self._job_ended(_Done(told["id"], told["completed_at"], msgspec.json.encode(told["result"])))
                except ChassisError as error:
                    log.warning("answer of an ix glyph is not fed on", job=told["id"], reason=str(error))

    async def _job_ended(self, done: _Done) -> None:
        glyphs = await self._canvas.ingesting(done.job_id)
        for glyph_id in glyphs:
            await self._feed_job(glyph_id, done)
        if not glyphs and len(done.answer_json) <= FED_BYTES_MAX:
            self._unclaimed[done.job_id] = done
            while len(self._unclaimed) > UNCLAIMED_MAX:
                del self._unclaimed[next(iter(self._unclaimed))]

    def _tell(self, script: Script, status: str, error: str = "") -> None:
        # Of firings, whoever fires tells more.
        if script.trigger.kind != "watcher":
            self._publish(script.glyph_id, script.execution_id, status, error)

    def _publish(self, glyph_id: str, execution_id: str, status: str, error: str) -> None:
        self._hub.publish(
            EVENT,
            glyph_id=glyph_id,
            watcher_id="",
            attestation_id="",
            execution_id=execution_id,
            status=status,
            error=error,
            result="",
            timestamp=int(time.time()),
        )
