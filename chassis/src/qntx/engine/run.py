"""One run, on the side that watches it: its deadline, its output, its calls home, its end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

from qntx.engine.advice import advice
from qntx.engine.api import Event, Home
from qntx.engine.calls import Calls
from qntx.engine.notes import Notes
from qntx.engine.output import Output
from qntx.engine.quota import Watch
from qntx.engine.untrusted import BUILT_BYTES_MAX, Bulky, Unreadable, built_bytes, checked_json, read_json
from qntx.engine.worker import STDERR, STDOUT, Exit, Worker
from qntx.errors import WorkerLost
from qntx.model.execution import Execution, Outcome, Result
from qntx.worker import frames
from qntx.worker.results import REPR_CHARACTERS_MAX
from qntx.worker.sandbox.policy import FULL

GRACE_SECONDS = 0.25
DUMP_AFTER_SECONDS = 0.2
EXIT_SECONDS = 5.0
SETTLE_SECONDS = 30.0
TOLD_BYTES_MAX = 16 * 1024 * 1024
OUTBOX_BYTES_MAX = 64 * 1024 * 1024
JSON_INLINE_BYTES = 256 * 1024
DEADLINE_SECONDS_MAX = 10 * 365 * 86400.0
DUMP_MARKERS = (b"Current thread 0x", b"Thread 0x")
TOLD_KINDS = frozenset({"display", "progress", "log"})

OnEvent = Callable[[Event], None]


class Run:
    """Gives a worker its code and waits for what comes of it. Made for one run and thrown away."""

    def __init__(self, worker: Worker, execution: Execution, home: Home, on_event: OnEvent | None, rung: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._worker = worker
        self._execution = execution
        self._on_event = on_event
        self._rung = rung
        self._sequence = itertools.count()
        self._ended: asyncio.Future[bytes | None] = self._loop.create_future()
        self._output = {
            STDOUT: Output("stdout", execution.limits.output_bytes),
            STDERR: Output("stderr", execution.limits.output_bytes),
        }
        self._notes = Notes(home, worker.drafts, self._stored, self._refused, self._backlog)
        self._calls = Calls(home, self._answer, self._notes.settled)
        self._timers: list[asyncio.TimerHandle] = []
        self._watch = Watch(worker.scratch, worker.pid, execution.limits.scratch_mib, self._break)
        self._stopped: Outcome | None = None
        self._killed = False
        self._dump_from = -1
        self._fault = ""
        self._told_bytes = 0
        self._told_cut = False
        self._shown_bytes = 0
        self._displays: list[dict[str, Any]] = []

    def stop(self, why: Outcome) -> None:
        """Interrupt it; if that does not end it, note where it hangs and kill it."""
        if self._stopped is not None or self._ended.done():
            return
        self._stopped = why
        self._worker.resume()
        self._worker.signal(signal.SIGINT)
        self._timers += [
            self._loop.call_later(DUMP_AFTER_SECONDS, self._dump),
            self._loop.call_later(GRACE_SECONDS, self._kill),
        ]

    async def finish(self) -> Result:
        """Run it to its end."""
        started = time.perf_counter()
        self._begin()
        try:
            # Shielded, because a future that is awaited and cancelled would count as an end below.
            payload = await asyncio.shield(self._ended)
            self._disarm()
            self._worker.drain()
            if self._is_unwanted():
                # At once: what it attested is settled without it, however long the store takes.
                self._worker.kill()
            exit = await self._await_exit() if payload is None else None
            if exit is not None and exit.lost and self._stopped is None:
                raise WorkerLost("the process that holds the workers ended in the middle of the run; run it again")
            await self._settle()
        finally:
            # Also where whoever waits for us has gone away.
            self._disarm()
            if not self._ended.done() or self._is_unwanted():
                self._worker.kill()
            self._notes.abandon()
            self._calls.abandon()
        result = await self._result(payload, exit, 1000 * (time.perf_counter() - started))
        self._emit("end", result)
        return result

    def _is_unwanted(self) -> bool:
        """Whether nobody waits for this worker any more: the run was stopped, and it is no session's."""
        return self._stopped is not None and not self._execution.session_id

    def on_frame(self, kind: int, payload: bytes) -> None:
        if self._ended.done():
            return
        try:
            if kind == frames.RESULT:
                self._ended.set_result(payload)
            elif kind == frames.NOTES:
                self._notes.add(payload)
            elif kind == frames.WANT:
                self._notes.want(_number(read_json(payload)))
            elif kind == frames.CALL:
                self._calls.add(payload)
            elif kind == frames.TELL:
                self._told(payload)
            else:
                raise Unreadable(f"a frame of kind {kind}")
        except (Unreadable, OverflowError, RecursionError) as fault:
            self._break(f"it sent its engine {fault}")

    def on_output(self, stream: int, chunk: bytes) -> None:
        news = self._output[stream].add(chunk)
        if news:
            self._emit("stdout" if stream == STDOUT else "stderr", news)

    def on_closed(self, why: str) -> None:
        self._fault = self._fault or why
        if not self._ended.done():
            self._ended.set_result(None)

    def _begin(self) -> None:
        execution = self._execution
        order = {
            "code": execution.code,
            "filename": execution.filename,
            "mode": execution.mode.value,
            "glyph_id": execution.glyph_id,
            "handler": execution.handler,
            "upstream": execution.upstream,
            "call": execution.call,
            "call_with": list(execution.call_with),
            "capture_variables": execution.capture_variables,
        }
        self._worker.listen(self)
        self._emit("started", {"id": execution.id, "sandbox": self._rung})
        timeout = min(execution.limits.timeout_seconds, DEADLINE_SECONDS_MAX)
        self._timers.append(self._loop.call_later(timeout, self.stop, Outcome.TIMED_OUT))
        if self._rung != FULL:
            self._watch.start()
        self._worker.send(frames.RUN, json.dumps(order).encode())
        if self._worker.closed:
            self.on_closed(self._worker.fault)

    def _disarm(self) -> None:
        self._watch.stop()
        for timer in self._timers:
            timer.cancel()

    def _dump(self) -> None:
        self._worker.drain()
        self._dump_from = self._output[STDERR].written_bytes
        self._worker.signal(signal.SIGUSR1)

    def _kill(self) -> None:
        self._killed = True
        self._worker.kill()

    def _break(self, fault: str) -> None:
        """It does what no script does by accident."""
        self._fault = fault
        self._kill()
        if not self._ended.done():
            self._ended.set_result(None)

    async def _await_exit(self) -> Exit | None:
        """How the process ended; it is made to end, since nothing can be expected of it without its line."""
        self._worker.kill() if self._fault else self._loop.call_later(GRACE_SECONDS, self._worker.kill)
        try:
            exit = await asyncio.wait_for(asyncio.shield(self._worker.exited), EXIT_SECONDS)
        except TimeoutError:
            return None
        self._worker.drain()
        return exit

    async def _settle(self) -> None:
        """A store that is slow is waited for as long as it takes anything at all."""
        if self._notes.answered == self._notes.received:
            return
        answered = -1
        while answered < self._notes.answered:
            answered = self._notes.answered
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._notes.settled(), SETTLE_SECONDS)
                return
        waiting = self._notes.received - answered
        self._notes.refusals.append(f"attest: {waiting} not stored; the store took none for {SETTLE_SECONDS:g} s")

    # Calls home ----------------------------------------------------------------------------------------------------

    def _answer(self, answer: dict[str, Any]) -> None:
        self._send(frames.RETURN, answer)

    def _stored(self, first: int, answers: Sequence[tuple[str, int]]) -> None:
        self._send(frames.STORED, [first, answers])

    def _refused(self, first: int, count: int, why: str) -> None:
        self._send(frames.REFUSED, [first, count, why])

    def _send(self, kind: int, message: Any) -> None:
        if self._worker.waits_to_send() > OUTBOX_BYTES_MAX:
            self._break("it asks and does not read the answers")
            return
        self._worker.send(kind, json.dumps(message).encode())

    def _backlog(self, full: bool) -> None:
        if full and self._stopped is None:
            self._worker.pause()
        else:
            self._worker.resume()

    # Events --------------------------------------------------------------------------------------------------------

    def _told(self, payload: bytes) -> None:
        """An event of the script's own. Their sum is bounded: whoever listens slowly must be able to hold them all."""
        self._told_bytes += len(payload)
        if self._told_cut or self._told_bytes > TOLD_BYTES_MAX:
            self._cut_told()
            return
        match read_json(payload):
            case [str(kind), dict(data)] if kind in TOLD_KINDS:
                if kind == "display":
                    # These are kept until the end, as objects.
                    self._shown_bytes += built_bytes(payload)
                    if self._shown_bytes > BUILT_BYTES_MAX:
                        self._cut_told()
                        return
                    self._displays.append(data)
                self._emit(kind, data)
            case _:
                raise Unreadable("an event of unknown form")

    def _cut_told(self) -> None:
        if not self._told_cut:
            self._told_cut = True
            mark = f"displays, progress and logs end here: the limit is {TOLD_BYTES_MAX} bytes"
            self._emit("log", {"level": "warning", "message": mark, "fields": {}})

    def _emit(self, kind: str, data: Any) -> None:
        if self._on_event is not None:
            self._on_event(Event(next(self._sequence), kind, data))

    # The end -------------------------------------------------------------------------------------------------------

    async def _result(self, payload: bytes | None, exit: Exit | None, duration_ms: float) -> Result:
        head, value = await self._opened(payload)
        dump = self._take_dump() if payload is None else ""
        outcome, error = self._outcome(head, exit, dump)
        stdout, stderr = self._output[STDOUT], self._output[STDERR]
        return Result(
            outcome=outcome,
            stdout=stdout.text(),
            stderr=stderr.text(),
            result_json=value,
            error=error,
            duration_ms=duration_ms,
            variables=head.get("variables", {}),
            displays=tuple(self._displays),
            stdout_bytes=stdout.written_bytes,
            stderr_bytes=stderr.written_bytes,
            truncated=stdout.truncated or stderr.truncated,
            attestations=self._notes.stored,
            cpu_ms=exit.cpu_ms if exit else head.get("cpu_ms", 0.0),
            peak_rss_bytes=exit.peak_rss_bytes if exit else head.get("peak_rss_bytes", 0),
            missing_module=head.get("missing_module", ""),
        )

    async def _opened(self, payload: bytes | None) -> tuple[dict[str, Any], bytes]:
        """The worker's answer, taken apart and checked."""
        if payload is None:
            return {}, b"null"
        try:
            if len(payload) <= JSON_INLINE_BYTES:
                return _open(payload)
            return await asyncio.to_thread(_open, payload)
        except Unreadable as fault:
            self._fault = f"its answer was {fault}"
            return {}, b"null"

    def _outcome(self, head: dict[str, Any], exit: Exit | None, dump: str) -> tuple[Outcome, str]:
        error = head.get("error", "")
        if self._stopped is not None:
            return self._stopped, self._stop_text(error, dump)
        if not head:
            return self._died(exit)
        outcome = Outcome(head["outcome"])
        untold = self._notes.refusals[head["refusals_told"] :]
        if outcome is Outcome.FINISHED and untold:
            return Outcome.RAISED, f"RuntimeError: {untold[0]}"
        return outcome, error + advice(outcome, error, self._execution.limits)

    def _stop_text(self, error: str, dump: str) -> str:
        if self._stopped is Outcome.CANCELLED:
            why = "Cancelled: the run was stopped on request"
        else:
            why = f"TimeoutError: the deadline of {self._execution.limits.timeout_seconds:g} s passed"
        if error:
            # The interrupt was ours; its traceback is the user's.
            return f"{error.rstrip().removesuffix('KeyboardInterrupt').rstrip()}\n{why}\n"
        if dump:
            return f"{why}; the code did not react and was killed here:\n{dump}"
        return f"{why}\n" if not self._killed else f"{why}; the code did not react and was killed\n"

    def _died(self, exit: Exit | None) -> tuple[Outcome, str]:
        if exit is None:
            return Outcome.KILLED, f"The worker was lost: {self._fault or 'it did not end'}.\n"
        if exit.signal == signal.SIGKILL and not self._killed and not self._fault:
            return Outcome.OUT_OF_MEMORY, (
                "The worker was killed by SIGKILL, most likely by the kernel for want of memory; "
                f"the run may use {self._execution.limits.memory_mib} MiB.\n"
            )
        if self._fault:
            return Outcome.KILLED, f"The worker was killed: {self._fault}.\n"
        if exit.signal == signal.SIGSYS:
            return Outcome.KILLED, (
                "The worker was killed before the code was done: it sent itself SIGKILL, "
                "or made a system call of another architecture.\n"
            )
        traced = self._take_dump(b"Fatal Python error:")
        return Outcome.KILLED, f"The worker {exit.describe()} before the code was done.\n{traced}"

    def _take_dump(self, *markers: bytes) -> str:
        """What faulthandler wrote into stderr belongs to the error."""
        stderr = self._output[STDERR]
        if self._dump_from < 0 and not markers:
            return ""
        for marker in markers or DUMP_MARKERS:
            if text := stderr.cut(max(self._dump_from, 0), marker):
                return text
        return ""


def _open(payload: bytes) -> tuple[dict[str, Any], bytes]:
    if len(payload) < frames.LENGTH.size:
        raise Unreadable("too short")
    (length,) = frames.LENGTH.unpack_from(payload)
    start = frames.LENGTH.size
    head = read_json(payload[start : start + length])
    match head:
        case {
            "outcome": "finished" | "raised" | "out_of_memory",
            "error": str(),
            "missing_module": str(),
            "refusals_told": int(),
            "cpu_ms": float() | int(),
            "peak_rss_bytes": int(),
            "variables": dict(variables),
        } if all(isinstance(text, str) for text in variables.values()):
            return head, _value(payload[start + length :])
    raise Unreadable("of unknown form")


def _value(data: bytes) -> bytes:
    try:
        return checked_json(data)
    except Bulky:
        # As the worker does with what is too long; it cannot know what we can hold.
        kind = "list" if data.startswith(b"[") else "dict"
        start = data[:REPR_CHARACTERS_MAX].decode("utf-8", "replace") + "..."
        notice = {"truncated": True, "bytes": len(data), "type": kind, "repr": start}
        return json.dumps(notice, ensure_ascii=False).encode()


def _number(value: Any) -> int:
    if isinstance(value, int) and value >= 0:
        return value
    raise Unreadable("a number that is none")
