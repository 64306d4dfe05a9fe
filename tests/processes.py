"""Real processes for tests: a plugin started the way QNTX starts it, and what is alive when it should not be."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

PORT_LINE = "QNTX_PLUGIN_PORT="
START_TIMEOUT_SECONDS = 30.0
END_TIMEOUT_SECONDS = 10.0
QUIET_PORTS = range(10_000, 32_000)
"""Below those that the kernel gives to whoever asks for any: what is free here stays so until its test uses it."""
_turns = itertools.count(os.getpid() * 1009)
"""Each process of a test run begins somewhere else."""


class Plugin:
    """A plugin's process, from its start to its port line to its end."""

    def __init__(self, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [*map(str, command)],
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,  # as the QNTX core does
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self.port = 0
        self.announced_after_seconds = 0.0
        self._announced = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def wait_for_port(self, timeout_seconds: float = START_TIMEOUT_SECONDS) -> int:
        """The port it announced; its log is the reason where it did not."""
        if not self._announced.wait(timeout_seconds) or not self.port:
            raise AssertionError(f"no port line (exit code {self.process.poll()}); it said:\n{self.log}")
        return self.port

    def family(self) -> list[psutil.Process]:
        """The process and everything that descends from it now."""
        try:
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def stop(self) -> int:
        """End it as a person would; its exit code. Killed, and an error, where it takes too long."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(END_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it did not end on SIGTERM; it said:\n{self.log}") from None
        finally:
            self._reader.join(END_TIMEOUT_SECONDS)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                self.lines.append(line)
                if line.startswith(PORT_LINE) and not self.port:
                    self.announced_after_seconds = time.perf_counter() - self.started
                    self.port = int(line.removeprefix(PORT_LINE))
                    self._announced.set()
        self._announced.set()


def still_alive(family: Sequence[psutil.Process], within_seconds: float = 10.0) -> list[str]:
    """Those of the processes that are there after the time given, each with its command line."""
    _, alive = psutil.wait_procs(family, timeout=within_seconds)
    return [_described(process) for process in alive]


def free_port() -> int:
    """A port that nothing listens on, and that is given to nobody meanwhile."""
    for turn in itertools.islice(_turns, len(QUIET_PORTS)):
        port = QUIET_PORTS[turn % len(QUIET_PORTS)]
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def _described(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {process.status()} {' '.join(process.cmdline())}"
    except psutil.NoSuchProcess:
        return f"{process.pid} gone"
