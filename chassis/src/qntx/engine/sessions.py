"""Warm workers that keep their variables between runs, one for each session of each principal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from qntx.engine.untrusted import Unreadable, read_json
from qntx.engine.worker import Worker
from qntx.errors import Busy, NotFound, WorkerLost
from qntx.worker import frames

SESSIONS_MAX = 32
IDLE_SECONDS_MAX = 30 * 60.0
SWEEP_SECONDS = 15.0
INSPECT_SECONDS = 5.0


@dataclass(slots=True)
class Session:
    """A worker that is somebody's."""

    worker: Worker
    created_at_ms: int
    used_at: float
    used_at_ms: int
    runs: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sessions:
    """Never shares a worker: a session is found by its id and its principal, both.

    Nobody has more than places are left to the others: half of all where one is alone, and always one for who has none
    until all are taken. A session is never ended to make room, because what is in it is somebody's.
    """

    def __init__(
        self,
        sessions_max: int = SESSIONS_MAX,
        idle_seconds_max: float = IDLE_SECONDS_MAX,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions_max = sessions_max
        self._idle_seconds_max = idle_seconds_max
        self._now = now
        self._sessions: dict[tuple[str, str], Session] = {}
        self._opening = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._sessions)

    @asynccontextmanager
    async def worker(
        self, principal: str, session_id: str, fork: Callable[[], Awaitable[Worker]]
    ) -> AsyncIterator[Worker]:
        """The session's worker, for one run at a time; a new one where there is none, or the last one died."""
        session = await self._session((principal, session_id), fork)
        async with session.turn:
            try:
                yield session.worker
            finally:
                session.runs += 1
                session.used_at, session.used_at_ms = self._now(), _now_ms()
                session.worker.listener = None
                if session.worker.over and self._sessions.get((principal, session_id)) is session:
                    self.end(principal, session_id)

    def end(self, principal: str, session_id: str) -> bool:
        session = self._sessions.pop((principal, session_id), None)
        if session is None:
            return False
        session.worker.hang_up("its session was ended")
        return True

    def of(self, principal: str) -> list[dict[str, Any]]:
        return [
            {
                "session_id": session_id,
                "created_at_ms": session.created_at_ms,
                "used_at_ms": session.used_at_ms,
                "runs": session.runs,
            }
            for (owner, session_id), session in self._sessions.items()
            if owner == principal
        ]

    async def inspect(self, principal: str, session_id: str) -> list[Mapping[str, str]]:
        """The session's variables, each with its type and a short repr."""
        session = self._sessions.get((principal, session_id))
        if session is None:
            raise NotFound(f"you have no session {session_id!r}")
        async with session.turn:
            inspection = _Inspection()
            session.worker.listen(inspection)
            session.worker.send(frames.INSPECT)
            try:
                payload = await asyncio.wait_for(inspection.answer, INSPECT_SECONDS)
                return _variables(read_json(payload))
            except (TimeoutError, Unreadable, WorkerLost) as fault:
                self.end(principal, session_id)
                reason = str(fault) or f"it did not answer within {INSPECT_SECONDS:g} s"
                raise WorkerLost(f"session {session_id!r} was ended: {reason}") from fault
            finally:
                session.worker.listener = None

    def sweep(self) -> None:
        """End those that nobody has used for long."""
        now = self._now()
        for (principal, session_id), session in list(self._sessions.items()):
            unused = not session.turn.locked() and now - session.used_at > self._idle_seconds_max
            if unused or session.worker.over:
                self.end(principal, session_id)

    def close(self) -> None:
        for principal, session_id in list(self._sessions):
            self.end(principal, session_id)

    async def _session(self, key: tuple[str, str], fork: Callable[[], Awaitable[Worker]]) -> Session:
        async with self._opening:
            session = self._sessions.get(key)
            if session is not None and not session.worker.over:
                return session
            self.end(*key)
            self.sweep()
            self._check_room(key[0])
            now = _now_ms()
            session = Session(await fork(), created_at_ms=now, used_at=self._now(), used_at_ms=now)
            self._sessions[key] = session
            return session

    def _check_room(self, principal: str) -> None:
        left = self._sessions_max - len(self._sessions)
        own = len(self.of(principal))
        if left > own:
            return
        if left:
            raise Busy(f"you have {own} sessions open, and the {left} places left are for others; end one of yours")
        raise Busy(f"{len(self._sessions)} sessions are open, which is as many as are allowed; end one or try later")


class _Inspection:
    """Waits for a session's answer about its variables."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def on_frame(self, kind: int, payload: bytes) -> None:
        if kind == frames.VARIABLES and not self.answer.done():
            self.answer.set_result(payload)

    def on_output(self, stream: int, chunk: bytes) -> None:
        """What threads that a run left behind print when nothing runs reaches nobody."""

    def on_closed(self, why: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(WorkerLost(why or "its worker ended"))


def _variables(value: Any) -> list[Mapping[str, str]]:
    match value:
        case [*entries] if all(
            isinstance(entry, dict) and {"name", "type", "repr"} == entry.keys() and all(map(_is_text, entry.values()))
            for entry in entries
        ):
            return entries
    raise Unreadable("variables of unknown form")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
