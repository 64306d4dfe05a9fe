"""The worker's end of the line: how a script's calls reach the plugin."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from qntx.worker import frames
from qntx.worker.frames import Decoder, frame

NOTES_BYTES = 32 * 1024
BURST_SECONDS = 0.0002
# Most orders fit into what the process has at hand; room for the large ones would be new memory each time.
ORDER_BYTES, ORDER_BYTES_MORE = 1 << 13, 1 << 18
ORDERS = frozenset({frames.RUN, frames.INSPECT, frames.REHEARSE})
_INTERRUPT = frozenset({signal.SIGINT})


class LineClosed(RuntimeError):
    """The plugin is not there any more."""


class Line:
    """The channel of a script's calls, safe to use from any thread.

    No thread of its own reads: whoever waits for an answer reads for all that wait. Drafts leave at once, except those
    of a burst, which are collected; the last of a burst leave with the next call or at the end of the run.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._decoder = Decoder()
        self._sending = threading.Lock()
        self._answers = threading.Condition()
        self._reading = False
        self._notes: list[bytes] = []
        self._notes_bytes = 0
        self._noted = 0
        self._noted_at = 0.0
        self._returns: dict[int, dict[str, Any]] = {}
        self._stored: dict[int, tuple[str, int]] = {}
        self._refusals: list[tuple[int, int, str]] = []
        self._orders: deque[tuple[int, bytes]] = deque()
        self._called = 0
        self.refusals_told = 0

    def begin(self) -> None:
        """A run begins: what an earlier one was refused is not this one's fault."""
        with self._answers:
            self._refusals.clear()
            self.refusals_told = 0

    def attest(self, draft_json: bytes) -> int:
        with self._sending:
            number = self._noted
            self._noted = number + 1
            self._notes.append(draft_json)
            self._notes_bytes = size = self._notes_bytes + len(draft_json)
            before, self._noted_at = self._noted_at, monotonic()
            if size < NOTES_BYTES and self._noted_at - before < BURST_SECONDS:
                return number
            self._flush()
        self._glance()
        self._raise_refusal()
        return number

    def stored(self, number: int) -> tuple[str, int]:
        with self._answers:
            if number in self._stored:
                return self._stored[number]
        self.send(frames.WANT, json.dumps(number).encode())
        self._wait(lambda: number in self._stored or self._refusal_of(number) is not None)
        with self._answers:
            refusal = self._refusal_of(number)
            if refusal is not None:
                self.refusals_told = len(self._refusals)
                raise RuntimeError(refusal)
            return self._stored[number]

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        with self._answers:
            number = self._called
            self._called += 1
        request = json.dumps([number, name, dict(arguments)], ensure_ascii=False)
        self.send(frames.CALL, request.encode("utf-8", "replace"))
        self._wait(lambda: number in self._returns)
        with self._answers:
            answer = self._returns.pop(number)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        event = json.dumps([kind, dict(data)], ensure_ascii=False)
        self.send(frames.TELL, event.encode("utf-8", "replace"))

    def send(self, kind: int, payload: bytes = b"") -> None:
        """Send a frame after all drafts that wait."""
        with self._sending:
            self._flush()
            self._send(frame(kind, payload))

    def order(self) -> tuple[int, bytes] | None:
        """Wait for what the engine wants done next; None when it hangs up."""
        while not self._orders:
            data = self._channel.recv(ORDER_BYTES_MORE if self._decoder.unfinished else ORDER_BYTES)
            if not data:
                return None
            received = self._decoder.feed(data)
            self._orders.extend(item for item in received if item[0] in ORDERS)
        return self._orders.popleft()

    def _flush(self) -> None:
        if self._notes:
            payload = b"\n".join(self._notes)
            self._notes, self._notes_bytes = [], 0
            self._send(frame(frames.NOTES, payload))

    def _send(self, data: bytes) -> None:
        # A frame cut in two by KeyboardInterrupt would garble all that follow.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
        try:
            self._channel.sendall(data)
        except OSError as lost:
            raise LineClosed(f"the line to the plugin is closed: {lost}") from lost
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _wait(self, answered: Callable[[], bool]) -> None:
        """Until `answered`: read, or let another thread read and be told."""
        while True:
            with self._answers:
                if answered():
                    return
                if self._reading:
                    self._answers.wait()
                    continue
                self._reading = True
            try:
                self._read(0)
            finally:
                with self._answers:
                    self._reading = False
                    self._answers.notify_all()

    def _glance(self) -> None:
        """Take what has arrived, without waiting."""
        with self._answers:
            if self._reading:
                return
            self._reading = True
        try:
            self._read(socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        finally:
            with self._answers:
                self._reading = False
                self._answers.notify_all()

    def _read(self, flags: int) -> None:
        data = self._channel.recv(1 << 16, flags)
        if not data:
            raise LineClosed("the line to the plugin is closed")
        with self._answers:
            for kind, payload in self._decoder.feed(data):
                self._take(kind, json.loads(payload))

    def _take(self, kind: int, message: Any) -> None:
        if kind == frames.RETURN:
            self._returns[message["number"]] = message
        elif kind == frames.STORED:
            first, answers = message
            for number, (identifier, timestamp_ms) in enumerate(answers, first):
                self._stored[number] = (identifier, timestamp_ms)
        elif kind == frames.REFUSED:
            first, count, why = message
            self._refusals.append((first, count, why))

    def _refusal_of(self, number: int) -> str | None:
        for first, count, why in self._refusals:
            if first <= number < first + count:
                return why
        return None

    def _raise_refusal(self) -> None:
        with self._answers:
            if len(self._refusals) > self.refusals_told:
                why = self._refusals[self.refusals_told][2]
                self.refusals_told = len(self._refusals)
                raise RuntimeError(why)
