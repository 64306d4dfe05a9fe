"""Plugin processes: started so that none outlives the host, and ended for good.

Each leads a session of its own, so that the whole of it can be ended at once, and reads the end of its standard input
when the host dies, however that happens.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from qntx.errors import PluginUnavailable
from qntx.host.plugins.output import Output

PORT_LINE = "QNTX_PLUGIN_PORT="
PORT_LINE_TIMEOUT_SECONDS = 2.0
STOP_TIMEOUT_SECONDS = 3.0
CHUNK_BYTES = 64 * 1024
LINE_BYTES_MAX = 1024 * 1024


class Process:
    """One running plugin process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, output: Output) -> None:
        self._process = process
        self._output = output
        self._announced = asyncio.Event()
        self.port = port
        """The one it announced; until it has, the one it was asked to take."""
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read(process.stdout, "stdout")),
            asyncio.create_task(self._read(process.stderr, "stderr")),
        ]
        self.exited: asyncio.Task[int] = asyncio.create_task(self._ended())
        """Done when the process is gone and everything of its group with it; the result is its exit code."""

    @property
    def pid(self) -> int:
        return self._process.pid

    async def announced(self) -> None:
        """Wait for the port line, but not for long: without one the requested port stands."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PORT_LINE_TIMEOUT_SECONDS):
                await self._announced.wait()

    async def stop(self) -> None:
        """Wait until it is gone; interrupt it if it does not go by itself, kill it if that does not help."""
        for number in (signal.SIGINT, signal.SIGKILL):
            if await self._gone():
                return
            self._signal_group(number)
        await self.exited

    async def _gone(self) -> bool:
        done, _ = await asyncio.wait({self.exited}, timeout=STOP_TIMEOUT_SECONDS)
        return bool(done)

    async def _ended(self) -> int:
        code = await self._process.wait()
        # Whatever it left behind in its group would keep its output open, and outlive it.
        self._signal_group(signal.SIGKILL)
        _, unfinished = await asyncio.wait(self._readers, timeout=STOP_TIMEOUT_SECONDS)
        for reader in unfinished:
            reader.cancel()
        return code

    def _signal_group(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def _read(self, stream: asyncio.StreamReader, source: str) -> None:
        rest = b""
        while chunk := await stream.read(CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LINE_BYTES_MAX:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._take(line.decode(errors="replace"), source)
        self._take(rest.decode(errors="replace"), source)

    def _take(self, line: str, source: str) -> None:
        text = line.strip()
        if source == "stdout" and not self._announced.is_set() and text.startswith(PORT_LINE):
            number = text.removeprefix(PORT_LINE)
            if number.isdecimal():
                self.port = int(number)
                self._announced.set()
                return
        self._output.add(text, source)


async def launch(path: Path, output: Output, arguments: Sequence[str] = ()) -> Process:
    """Start that executable on a free port."""
    port = _free_port()
    output.started()
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            "--port",
            str(port),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise PluginUnavailable(f"{path} cannot be started: {error.strerror}") from error
    return Process(process, port, output)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
