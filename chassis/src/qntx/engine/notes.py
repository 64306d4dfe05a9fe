"""The attestations of one run: stored in order and in batches, while the script goes on."""

from __future__ import annotations

import asyncio
import bisect
import json
import zlib
from collections.abc import Callable, Sequence

from qntx.engine.api import Home
from qntx.engine.untrusted import Unreadable
from qntx.errors import ChassisError
from qntx.script.drafts import DRAFT_BYTES_MAX

BATCH = 2000
BACKLOG_BYTES_MAX = 2 * 1024 * 1024
DRAFTS_MAX = 2_000_000


class _Kept:
    """The answers to a batch, packed: a script may ask for any until its end, and there can be two million."""

    __slots__ = ("_packed",)

    def __init__(self, answers: Sequence[tuple[str, int]]) -> None:
        self._packed = zlib.compress(json.dumps(answers).encode(), 1)

    def read(self) -> list[tuple[str, int]]:
        return [(identifier, timestamp_ms) for identifier, timestamp_ms in json.loads(zlib.decompress(self._packed))]


class Notes:
    """What a script attests, between the worker's line and the store.

    `on_stored(first, answers)` answers a draft that was asked for, and its neighbours; `on_refused(first, count, why)`
    tells of a batch that was not stored; `on_backlog(full)` says when to stop reading and when to go on.
    """

    def __init__(
        self,
        home: Home,
        first: int,
        on_stored: Callable[[int, Sequence[tuple[str, int]]], None],
        on_refused: Callable[[int, int, str], None],
        on_backlog: Callable[[bool], None],
    ) -> None:
        self._home = home
        self._on_stored = on_stored
        self._on_refused = on_refused
        self._on_backlog = on_backlog
        self._drafts: list[bytes] = []
        self._backlog_bytes = 0
        self._first = first
        self._received = first
        self._settled = first
        self._starts: list[int] = []
        self._answers: list[_Kept | str] = []
        self._wanted: set[int] = set()
        self._storing: asyncio.Task[None] | None = None
        self.stored = 0
        self.refusals: list[str] = []

    @property
    def received(self) -> int:
        """Drafts that came off the line."""
        return self._received - self._first

    @property
    def answered(self) -> int:
        """Drafts that were stored or refused."""
        return self._settled - self._first

    def add(self, payload: bytes) -> None:
        """Take drafts, one a line, as they come off the worker's line."""
        self._received += payload.count(b"\n") + 1
        if self._received - self._first > DRAFTS_MAX:
            raise OverflowError(f"more than {DRAFTS_MAX} attestations in one run")
        drafts = payload.split(b"\n")
        sizes = list(map(len, drafts))
        if max(sizes) > DRAFT_BYTES_MAX:
            raise Unreadable(f"an attestation of {max(sizes)} bytes")
        self._drafts += drafts
        self._backlog_bytes += sum(sizes)
        if self._backlog_bytes > BACKLOG_BYTES_MAX:
            self._on_backlog(True)
        if self._storing is None:
            self._storing = asyncio.get_running_loop().create_task(self._store())

    def want(self, number: int) -> None:
        """The script waits for this draft's id."""
        if number < self._first:
            raise Unreadable("a number of another run")
        if number >= self._settled:
            if number < self._received:
                self._wanted.add(number)
            return
        position = bisect.bisect_right(self._starts, number) - 1
        answer = self._answers[position]
        # A refusal was told when it came.
        if not isinstance(answer, str):
            # With all that were stored with it: who asks for one mostly asks for the next.
            self._on_stored(self._starts[position], answer.read())

    async def settled(self) -> None:
        """Wait until every draft that came is stored or refused."""
        while self._storing is not None:
            await asyncio.shield(self._storing)

    def abandon(self) -> None:
        if self._storing is not None:
            self._storing.cancel()

    async def _store(self) -> None:
        try:
            while self._drafts:
                batch, self._drafts = self._drafts[:BATCH], self._drafts[BATCH:]
                await self._store_batch(batch)
                self._backlog_bytes -= sum(map(len, batch))
                if self._backlog_bytes <= BACKLOG_BYTES_MAX // 2:
                    self._on_backlog(False)
        finally:
            self._storing = None

    async def _store_batch(self, batch: list[bytes]) -> None:
        first = self._settled
        answer: Sequence[tuple[str, int]] | str
        try:
            answer = await self._home.attest(batch)
            if len(answer) != len(batch):
                answer = f"attest: {len(batch)} were sent and {len(answer)} were answered"
        except (ChassisError, RuntimeError, ValueError, OSError) as refused:
            answer = str(refused)
        self._starts.append(first)
        self._answers.append(answer if isinstance(answer, str) else _Kept(answer))
        self._settled += len(batch)
        if isinstance(answer, str):
            self.refusals.append(answer)
            self._on_refused(first, len(batch), answer)
        else:
            self.stored += len(batch)
        answered = [number for number in self._wanted if number < self._settled]
        self._wanted.difference_update(answered)
        if answered:
            self.want(answered[0])
