"""The engine's end of one worker: its line, its output, its life."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
from dataclasses import dataclass
from typing import Protocol

from qntx.worker.frames import NOTES, READY, REHEARSE, Decoder, Garbled, frame

READ_BYTES = 1 << 18
PIPE_BYTES = 1 << 20
ROOMY_BYTES = 1 << 15
"""Who leaves this much at once in a pipe has more to come."""
DRAIN_BYTES_MAX = 2 * PIPE_BYTES
STDOUT, STDERR = 1, 2


@dataclass(frozen=True, slots=True)
class Exit:
    """How a worker's process ended."""

    status: int
    cpu_ms: float = 0.0
    peak_rss_bytes: int = 0
    lost: bool = False
    """It went down with the process that forked it, through no fault of its own."""

    def describe(self) -> str:
        if os.WIFSIGNALED(self.status):
            return f"was killed by {signal.Signals(os.WTERMSIG(self.status)).name}"
        return f"ended with exit status {os.WEXITSTATUS(self.status)}"

    @property
    def signal(self) -> int:
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else 0


class Listener(Protocol):
    """Whoever wants to know what a worker does: the run it serves."""

    def on_frame(self, kind: int, payload: bytes) -> None: ...

    def on_output(self, stream: int, chunk: bytes) -> None: ...

    def on_closed(self, why: str) -> None:
        """The line is closed; no frame follows."""


class Worker:
    """A process that runs code we do not trust."""

    def __init__(
        self, pid: int, channel: socket.socket, stdout: int, stderr: int, pidfd: int, buffer: memoryview
    ) -> None:
        """`buffer` is where it is read into, and may be others' too: new room each time would leave the heap full of
        holes.
        """
        loop = asyncio.get_running_loop()
        self.pid = pid
        self.scratch = ""
        """Its scratch directory, as we see it where that is no memory of its own."""
        self.listener: Listener | None = None
        """Whose frames and output these are; without one they are read and dropped."""
        self.ready: asyncio.Future[None] = loop.create_future()
        self.exited: asyncio.Future[Exit] = loop.create_future()
        self.closed = False
        self.killed = False
        self.rehearsed = False
        self.rehearsing = False
        self.drafts = 0
        self.fault = ""
        self._loop = loop
        self._channel = channel
        self._pipes = {STDOUT: stdout, STDERR: stderr}
        self._pidfd = pidfd
        self._buffer = buffer
        self._decoder = Decoder()
        self._outbox = bytearray()
        self._grown: set[int] = set()
        self._paused = False
        self._hung_up = False
        channel.setblocking(False)
        for pipe in self._pipes.values():
            os.set_blocking(pipe, False)
        loop.add_reader(channel.fileno(), self._on_readable)

    def listen(self, listener: Listener) -> None:
        """Give it to a run: from here on its output is read and its frames are passed on."""
        self.listener = listener

    def _expect_output(self) -> None:
        """Once, when it is ready, so that giving it a run later takes no time."""
        for stream, pipe in self._pipes.items():
            self._loop.add_reader(pipe, self._read_output, stream)

    def rehearse(self) -> None:
        """Let it use its libraries once, so that a run finds them warm. A run given meanwhile follows."""
        self.rehearsed = self.rehearsing = True
        self.send(REHEARSE)

    def send(self, kind: int, payload: bytes = b"") -> None:
        """Queue a frame; what the socket does not take at once follows when it can."""
        if self.closed:
            return
        idle = not self._outbox
        self._outbox += frame(kind, payload)
        if idle:
            self._write()

    def waits_to_send(self) -> int:
        """Bytes of frames that the worker has not taken yet."""
        return len(self._outbox)

    def pause(self) -> None:
        """Stop reading the line, so that a worker that sends faster than we can store has to wait."""
        if not self._paused and not self.closed:
            self._paused = True
            self._loop.remove_reader(self._channel.fileno())

    def resume(self) -> None:
        if self._paused and not self.closed:
            self._paused = False
            self._loop.add_reader(self._channel.fileno(), self._on_readable)

    def signal(self, number: int) -> None:
        """Send it a signal, through a descriptor that can never mean another process."""
        if not self._hung_up:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    @property
    def over(self) -> bool:
        """Nothing more can be run in it."""
        return self.closed or self.killed

    def kill(self) -> None:
        self.killed = True
        self.signal(signal.SIGKILL)

    def drain(self) -> None:
        """Read what is in the pipes now: all that was written before the frame just read."""
        for stream in list(self._pipes):
            taken = 0
            while taken < DRAIN_BYTES_MAX and (chunk := self._read_output(stream)):
                taken += chunk

    def ended(self, how: Exit) -> None:
        """The zygote reaped it."""
        if not self.exited.done():
            self.exited.set_result(how)

    def early_output(self) -> str:
        """What it wrote although nobody gave it a run: why it could not get ready."""
        with contextlib.suppress(OSError):
            return os.read(self._pipes[STDERR], READ_BYTES).decode("utf-8", "replace").strip()
        return ""

    def hang_up(self, why: str = "") -> None:
        """End it and close everything we hold of it: one that has answered may have done so to go on unwatched.

        A run that is under way in it learns why.
        """
        if self._hung_up:
            return
        self.signal(signal.SIGKILL)
        self._hung_up = True
        self._close_line(why)
        self.listener = None
        for pipe in self._pipes.values():
            self._loop.remove_reader(pipe)
            os.close(pipe)
        self._pipes.clear()
        os.close(self._pidfd)

    def _on_readable(self) -> None:
        try:
            data = bytes(self._buffer[: self._channel.recv_into(self._buffer)])
            received = self._decoder.feed(data)
        except BlockingIOError:
            return
        except (OSError, Garbled) as fault:
            self._close_line(f"its line to the engine carried {fault}")
            return
        if not data:
            self._close_line("")
        for kind, payload in received:
            if kind == READY and not self.ready.done():
                self.ready.set_result(None)
                self._expect_output()
                continue
            if kind == READY and self.rehearsing:
                self.rehearsing = False
                continue
            if kind == NOTES:
                self.drafts += payload.count(b"\n") + 1
            if self.listener is not None:
                self.listener.on_frame(kind, payload)

    def _close_line(self, fault: str) -> None:
        if self.closed:
            return
        self.closed = True
        self.fault = fault
        self._loop.remove_reader(self._channel.fileno())
        self._loop.remove_writer(self._channel.fileno())
        self._channel.close()
        if not self.ready.done():
            self.ready.cancel()
        if self.listener is not None:
            self.listener.on_closed(fault)

    def _write(self) -> None:
        try:
            sent = self._channel.send(self._outbox)
        except BlockingIOError:
            sent = 0
        except OSError:
            # The reading side will see the end of the line and tell why.
            self._outbox.clear()
            sent = 0
        del self._outbox[:sent]
        if self._outbox:
            self._loop.add_writer(self._channel.fileno(), self._write)
        else:
            self._loop.remove_writer(self._channel.fileno())

    def _read_output(self, stream: int) -> int:
        pipe = self._pipes[stream]
        try:
            chunk = bytes(self._buffer[: os.readv(pipe, [self._buffer])])
        except BlockingIOError:
            return 0
        if not chunk:
            self._loop.remove_reader(pipe)
            return 0
        if self.listener is not None:
            self.listener.on_output(stream, chunk)
        if len(chunk) >= ROOMY_BYTES and stream not in self._grown:
            self._grow(stream)
        return len(chunk)

    def _grow(self, stream: int) -> None:
        """More room means fewer stops for a script that prints much; without it, it only runs slower."""
        self._grown.add(stream)
        with contextlib.suppress(PermissionError):
            fcntl.fcntl(self._pipes[stream], fcntl.F_SETPIPE_SZ, PIPE_BYTES)
