"""Runs the hostile scripts as whatever user this is, and says what each did, a JSON object a line.

driver.py full|landlock|limits|control SCRIPT_NAME…
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "chassis" / "src")]

from scripts import ALL  # noqa: E402

from qntx.engine.api import Settings  # noqa: E402
from qntx.engine.pool import Pool  # noqa: E402
from qntx.model.execution import Execution, Limits  # noqa: E402

MARK = "QNTX_HOSTILE_SUITE"
LIMITS = Limits(timeout_seconds=3, memory_mib=512, scratch_mib=64)
PATIENT = replace(LIMITS, timeout_seconds=30)
"""Of what is to work: others use the machine too."""
_IPC_REMOVE, _IPC_STATUS = 0, 2
_libc = ctypes.CDLL(None)


class Home:
    """Takes what is attested if it is JSON, and answers nothing."""

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        raise RuntimeError("nobody is at home")

    async def attest(self, drafts: Sequence[bytes]) -> Sequence[tuple[str, int]]:
        return [(json.loads(draft)["subjects"][0], 0) for draft in drafts]


class Targets:
    """What the scripts try to reach: a secret, a neighbour, sockets."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.secret = Path(directory) / "secret"
        self.restore()
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(f"{directory}/socket")
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind(f"\0qntx-{os.getpid()}")
        for listener in (self.unix, self.abstract):
            listener.listen()
        for each in (self.tcp, self.udp, self.unix, self.abstract):
            each.setblocking(False)
        self.memory = self._share_memory()
        self.victim = self._start_victim()

    def describe(self) -> dict[str, Any]:
        return {
            "secret": str(self.secret),
            "directory": self.directory,
            "victim": self.victim.pid,
            "tcp": self.tcp.getsockname()[1],
            "udp": self.udp.getsockname()[1],
            "unix": f"{self.directory}/socket",
            "abstract": f"qntx-{os.getpid()}",
            "memory": self.memory,
        }

    def damage(self) -> list[str]:
        """What was reached since the last look; it is repaired."""
        found = []
        if not self.secret.exists() or self.secret.read_text() != "secret\n" or self.secret.stat().st_mode & 0o077:
            found.append("the secret was changed")
        with contextlib.suppress(OSError):
            if os.listxattr(self.secret):
                found.append("the secret was marked")
        if set(os.listdir(self.directory)) != {"secret", "socket"}:
            found.append("the directory was changed")
        if self.victim.poll() is not None:
            found.append("the neighbour was killed")
            self.victim = self._start_victim()
        elif self._circumstances() != self._victims:
            found.append("the neighbour was held back")
            self.close()
            self.victim = self._start_victim()
        if _libc.shmctl(self.memory, _IPC_STATUS, ctypes.create_string_buffer(256)):
            found.append("the shared memory was removed")
            self.memory = self._share_memory()
        for name, listener in (("TCP", self.tcp), ("unix", self.unix), ("abstract", self.abstract)):
            try:
                listener.accept()[0].close()
                found.append(f"a connection came over {name}")
            except BlockingIOError:
                continue
        try:
            self.udp.recv(100)
            found.append("a datagram came")
        except BlockingIOError:
            pass
        self.restore()
        return found

    def restore(self) -> None:
        for name in os.listdir(self.directory):
            path = Path(self.directory) / name
            if name != "socket":
                path.rmdir() if path.is_dir() else path.unlink()
        self.secret.write_text("secret\n")
        self.secret.chmod(0o600)

    def close(self) -> None:
        self.victim.kill()
        self.victim.wait()

    def release(self) -> None:
        self.close()
        _libc.shmctl(self.memory, _IPC_REMOVE, None)

    def _share_memory(self) -> int:
        return int(_libc.shmget(0, 4096, 0o1600))

    def _start_victim(self) -> subprocess.Popen[bytes]:
        code = "import signal, time; signal.signal(signal.SIGUSR2, signal.SIG_DFL); time.sleep(600)"
        victim = self.victim = subprocess.Popen([sys.executable, "-c", code])
        self._victims = self._circumstances()
        return victim

    def _circumstances(self) -> tuple[object, ...]:
        """What others can make worse for the neighbour."""
        pid = self.victim.pid
        return (
            os.getpriority(os.PRIO_PROCESS, pid),
            os.sched_getscheduler(pid),
            os.sched_getaffinity(pid),
            resource.prlimit(pid, resource.RLIMIT_NOFILE),
        )


def marked_processes() -> int:
    """Processes of any engine of this suite."""
    found = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                found += f"{MARK}={os.getpid()}".encode() in Path(f"/proc/{entry}/environ").read_bytes()
            except OSError:
                continue
    return found


async def at_a_moment() -> int:
    await asyncio.sleep(0.01)
    return marked_processes()


async def more_than(at_most: int) -> int:
    """How many more processes there are, when those that were about to end have ended."""
    for _ in range(500):
        if (left := await at_a_moment()) <= at_most:
            return 0
    return left - at_most


async def sandboxed(rung: str, names: Sequence[str], targets: Targets) -> None:
    settings = Settings(
        name="hostile",
        limits=LIMITS,
        running_max=1,
        sandbox_max=rung,
        require_sandbox=rung,
        environment={MARK: str(os.getpid())},
    )
    async with Pool(settings) as pool:
        while pool.describe()["idle_workers"] < 2:
            await asyncio.sleep(0.02)
        at_rest = min([await at_a_moment() for _ in range(30)])
        for name in names:
            where = targets.describe()
            execution = Execution(code=ALL[name], id=name, limits=LIMITS, upstream=where)
            result = await pool.run(execution, Home())
            after = await pool.run(Execution(code="6 * 7", id="after", limits=PATIENT), Home())
            tell(
                name,
                escaped=result.result_json == b"true",
                outcome=result.outcome.value,
                error=result.error[-300:],
                damage=targets.damage(),
                next_right=after.result_json == b"42",
                strays=await more_than(at_rest),
            )
    tell("leftovers", processes=await more_than(0), files=os.listdir(tempfile.gettempdir()))


def control(names: Sequence[str], targets: Targets) -> None:
    """The same scripts in a plain Python, in a directory of their own."""
    for name in names:
        before, after = (
            f"upstream = {targets.describe()!r}\n_result = None\n",
            "\nprint('escaped' if _result is True else '')",
        )
        code = before + ALL[name] + after
        with tempfile.TemporaryDirectory() as scratch:
            ran = subprocess.run(
                [sys.executable, "-c", code], cwd=scratch, capture_output=True, text=True, timeout=20, check=False
            )
        tell(name, escaped=ran.stdout.strip().endswith("escaped"), damage=targets.damage(), error=ran.stderr[-300:])


def tell(name: str, **facts: Any) -> None:
    print(json.dumps({"name": name, **facts}), flush=True)


def main() -> None:
    rung, *names = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryDirectory() as scratch:
        tempfile.tempdir = scratch
        targets = Targets(directory)
        try:
            if rung == "control":
                control(names, targets)
            else:
                asyncio.run(sandboxed(rung, names, targets))
        finally:
            targets.release()


if __name__ == "__main__":
    main()
