"""Machines that are network namespaces, on one switch, which can be cut off and lose their power.

Everything lives in a network namespace of this process's own (`unshare --net`), and goes when it ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

SUBNET = "10.77.0"
SWITCH = "lan"
CLIENT = f"{SUBNET}.254"
"""The address of this process on the switch."""

MISSING = "a cluster needs root and iproute2: its machines are network namespaces"


def possible() -> bool:
    """Whether machines can be made here."""
    if os.getuid() != 0 or not all(shutil.which(tool) for tool in ("ip", "nsenter", "unshare")):
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


class Machine:
    """One machine: an address on the switch, and the processes started on it."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.address = f"{SUBNET}.{number}"
        self._port = f"port{number}"
        # The namespace lasts as long as this process does, and is there once it has said so.
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE
        )
        assert self._holder.stdout is not None
        self._holder.stdout.readline()
        self._namespace = _namespace_of(self._holder.pid)
        _ip("link", "add", self._port, "type", "veth", "peer", "name", "eth0", "netns", str(self._holder.pid))
        self.heal()
        _ip("link", "set", self._port, "up")
        for command in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{self.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
        ):
            subprocess.run([*self.inside, "ip", *command], check=True)

    @property
    def inside(self) -> Sequence[str]:
        """What to put before a command that is to run on this machine."""
        return ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net")

    def start(
        self, command: Sequence[str | Path], env: Mapping[str, str], folder: Path, log: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.inside, *map(str, command)],
            env={**os.environ, **env},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def cut_off(self) -> None:
        """Nothing that is sent arrives any more, either way; nobody is told."""
        _ip("link", "set", self._port, "nomaster")

    def heal(self) -> None:
        _ip("link", "set", self._port, "master", SWITCH)

    def processes(self) -> list[int]:
        """Who runs on it, but for what holds it."""
        return [pid for pid in _pids() if pid != self._holder.pid and _namespace_of(pid) == self._namespace]

    def remove(self) -> None:
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self._holder.kill()
        self._holder.wait()


def make_switch() -> None:
    """The wire that the machines made after it hang on; this process is on it as CLIENT."""
    _ip("link", "set", "lo", "up")
    _ip("link", "add", SWITCH, "type", "bridge")
    _ip("address", "add", f"{CLIENT}/24", "dev", SWITCH)
    _ip("link", "set", SWITCH, "up")


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _namespace_of(pid: int) -> str:
    """The network namespace of that process; empty where it is gone."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return ""


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
