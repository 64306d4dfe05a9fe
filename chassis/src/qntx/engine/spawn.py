"""The engine's end of a zygote: starts it, asks it for workers, learns how they ended."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qntx.engine.scratch import remove
from qntx.engine.worker import READ_BYTES, Exit, Worker
from qntx.errors import WorkerLost
from qntx.worker.frames import MESSAGE_BYTES_MAX
from qntx.worker.sandbox.policy import Policy

READY_SECONDS = 20.0
CLOSE_SECONDS = 2.0
DESCRIPTORS = 4

_PACKAGES = Path(__file__).parents[2]
# Last on the path, so that it finds our package wherever that lies and hides nothing.
_ZYGOTE = "import sys; sys.path.append(sys.argv[2]); from qntx.worker.zygote import main; main(int(sys.argv[1]))"


class Zygote:
    """One process that forks workers. When it ends, so do they."""

    def __init__(self, configuration: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self._configuration = configuration
        self._environment = environment
        self._workers: dict[int, Worker] = {}
        self._wanted: dict[int, asyncio.Future[Worker]] = {}
        self._tokens = itertools.count()
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._lost = False
        self.on_lost: Callable[[], None] = lambda: None
        self.report: Mapping[str, Any] = {}

    async def start(self) -> None:
        """Returns when it is ready to fork, its modules imported."""
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = self._launch(theirs.fileno())
        self._control.send(json.dumps(self._configuration).encode())
        self._control.setblocking(False)
        self._loop.add_reader(self._control.fileno(), self._on_readable)
        try:
            await self._ready
        except BaseException:
            await self.close()
            raise

    def _launch(self, control: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-sPB", "-X", "utf8", "-c", _ZYGOTE, str(control), str(_PACKAGES)],
            pass_fds=[control],
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        return not self._lost

    async def fork(self, policy: Policy) -> Worker:
        """A worker that is ready to be given a run. Raises WorkerLost where there can be none."""
        if self._lost:
            raise WorkerLost("the process that forks workers is gone; it is being started again")
        token = next(self._tokens)
        wanted = self._wanted[token] = self._loop.create_future()
        try:
            self._control.send(json.dumps({"token": token, "policy": policy.to_json()}).encode())
            worker: Worker = await asyncio.wait_for(wanted, READY_SECONDS)
        except (OSError, TimeoutError) as fault:
            raise WorkerLost(f"no worker could be forked: {str(fault) or 'no answer in time'}") from fault
        finally:
            self._wanted.pop(token, None)
        try:
            await asyncio.wait_for(asyncio.shield(worker.ready), READY_SECONDS)
        except (TimeoutError, asyncio.CancelledError) as fault:
            reason = worker.early_output()
            worker.hang_up()
            if isinstance(fault, asyncio.CancelledError) and not worker.ready.cancelled():
                raise
            raise WorkerLost(f"a worker did not get ready: {reason or 'no reason given'}") from None
        return worker

    async def close(self) -> None:
        """End it and everything it forked, and remove what that left."""
        self._lose()
        try:
            await asyncio.to_thread(self._process.wait, CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        await asyncio.to_thread(remove, self._configuration["scratch"])

    def _on_readable(self) -> None:
        while not self._lost:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES_MAX, DESCRIPTORS)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lose()
                self.on_lost()
                return
            self._on_message(json.loads(data), descriptors)

    def _on_message(self, message: Mapping[str, Any], descriptors: list[int]) -> None:
        if "forked" in message:
            channel, stdout, stderr, pidfd = descriptors
            worker = Worker(message["pid"], socket.socket(fileno=channel), stdout, stderr, pidfd, self._buffer)
            worker.scratch = self._scratch_of(message["forked"])
            self._workers[worker.pid] = worker
            wanted = self._wanted.get(message["forked"])
            if wanted is None or wanted.done():
                worker.hang_up()
            else:
                wanted.set_result(worker)
        elif "exited" in message:
            self._clear(message["token"])
            ended = self._workers.pop(message["exited"], None)
            if ended is not None:
                ended.ended(Exit(message["status"], message["cpu_ms"], message["peak_rss_bytes"]))
        else:
            self.report = message
            if not self._ready.done():
                self._ready.set_result(None)

    def _scratch_of(self, token: int) -> str:
        return f"{self._configuration['scratch']}/{token}"

    def _clear(self, token: int) -> None:
        """Remove what a worker left in its scratch directory, where that outlives it."""
        directory = self._scratch_of(token)
        if os.path.isdir(directory):
            self._loop.run_in_executor(None, remove, directory)

    def _lose(self) -> None:
        """The line is closed, by either side."""
        if self._lost:
            return
        self._lost = True
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        if not self._ready.done():
            self._ready.set_exception(WorkerLost("the process that forks workers ended before it was ready"))
        for wanted in self._wanted.values():
            if not wanted.done():
                wanted.set_exception(WorkerLost("the process that forks workers ended"))
        for worker in self._workers.values():
            worker.ended(Exit(9, lost=True))
        self._workers.clear()
