"""The zygote: imports what a variant preloads, once, and forks a worker whenever the engine asks.

A process of its own, started with one end of a SOCK_SEQPACKET pair. Single-threaded, or fork would not be safe; the
standard library only, or every worker would carry the plugin.

    engine to zygote    the configuration; then one message for each worker wanted
    zygote to engine    ready; then for each worker its pid with channel, stdout, stderr and pidfd, later how it ended
"""

from __future__ import annotations

import os

# Hooks that modules register for a fork would touch some 190 pages in every worker before it has run a line. They are
# kept for the forks of the script itself.
_register_at_fork = os.register_at_fork
_fork_hooks: list[dict[str, object]] = []
os.register_at_fork = lambda **hooks: _fork_hooks.append(hooks)

import gc  # noqa: E402
import importlib  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import select  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import sysconfig  # noqa: E402
import time  # noqa: E402
import traceback  # noqa: E402
from typing import Any  # noqa: E402

from qntx.worker.child import Descriptors, live  # noqa: E402
from qntx.worker.displays import quiet_show  # noqa: E402
from qntx.worker.frames import MESSAGE_BYTES_MAX  # noqa: E402
from qntx.worker.guard import end_children, kill_children, stand_behind  # noqa: E402
from qntx.worker.immortal import immortalize  # noqa: E402
from qntx.worker.memory import collapse, join  # noqa: E402
from qntx.worker.rehearsal import WARM, WARM_ROUNDS, rehearse, rehearse_libraries  # noqa: E402
from qntx.worker.sandbox import kernel, ladder  # noqa: E402
from qntx.worker.sandbox.policy import FULL, Policy, readable  # noqa: E402
from qntx.worker.sandbox.seal import Walls  # noqa: E402
from qntx.worker.streams import open_streams  # noqa: E402


class Zygote:
    """Forks on request, reaps what ended, and ends when the engine hangs up."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._null = os.open(os.devnull, os.O_RDWR)
        self._workers: dict[int, int] = {}
        self._wake_read, self._wake_write = os.pipe()

    def serve(self) -> None:
        self._prepare(json.loads(self._receive()))
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._wake_read, select.POLLIN)
        while True:
            for descriptor, _ in poller.poll():
                if descriptor == self._wake_read:
                    os.read(self._wake_read, 4096)
                    self._reap()
                    if os.getppid() != self._parent:
                        self._end_all()
                        return
                    continue
                message = self._receive()
                if not message:
                    self._end_all()
                    return
                self._fork(json.loads(message))

    def _prepare(self, configuration: dict[str, Any]) -> None:
        # An engine that is killed while modules load here would otherwise be outlived until they have.
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        sys.path[:0] = configuration["paths"]
        sys.path += configuration["paths_after"]
        os.chdir("/")
        started = time.monotonic()
        paths = readable([*_python_paths(), *configuration["readable_paths"]])
        quiet_show()
        walls, primitives = ladder.climb(paths, configuration["scratch"], configuration["sandbox_max"])
        if walls.rung != FULL:
            stand_behind()
        failed, threaded = _preload(configuration["preload"])
        if threaded:
            # Nothing that could be undone; the engine starts another zygote without that module.
            self._tell({"threaded": threaded})
            return
        # Made once: workers have other files at the same descriptors.
        open_streams()
        rehearse(WARM * WARM_ROUNDS)
        rehearse_libraries()
        join()
        self._walls = walls.raised()
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        os.set_blocking(self._wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        gc.collect()
        immortalize()
        gc.freeze()
        collapse()
        self._walls = self._walls.measured()
        if self._walls.namespaces is None:
            # Here nothing ends what workers started but us, so that we must outlive the engine, and who stands behind
            # us, for as long as it takes: their end is told as a child's is.
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGCHLD)
        self._parent = os.getppid()
        self._tell(
            {
                "ready": True,
                "sandbox": walls.rung,
                "primitives": dict(primitives),
                "python_version": platform.python_version(),
                "preload_failed": failed,
                "preload_seconds": round(time.monotonic() - started, 3),
            }
        )

    def _fork(self, request: dict[str, Any]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        stdout_read, stdout_write = os.pipe()
        stderr_read, stderr_write = os.pipe()
        policy = Policy.from_json(request["policy"])
        self._walls.before_fork(policy)
        pid = os.fork()
        if pid == 0:
            descriptors = Descriptors(theirs.detach(), stdout_write, stderr_write, self._null)
            _become_worker(descriptors, self._walls, policy, request["token"])
        self._workers[pid] = request["token"]
        pidfd = os.pidfd_open(pid)
        theirs.close()
        message = {"forked": request["token"], "pid": pid}
        self._tell(message, [ours.fileno(), stdout_read, stderr_read, pidfd])
        ours.close()
        for descriptor in (stdout_read, stdout_write, stderr_read, stderr_write, pidfd):
            os.close(descriptor)

    def _receive(self) -> bytes:
        """The engine's next message; nothing where it is gone."""
        try:
            return self._control.recv(MESSAGE_BYTES_MAX)
        except ConnectionResetError:
            return b""

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return None
            if pid == 0:
                # What a worker started came to us when the worker ended. Each death wakes us again until none is left.
                return kill_children(spared=self._workers)
            token = self._workers.pop(pid, None)
            if token is not None:
                cpu_ms = 1000 * (usage.ru_utime + usage.ru_stime)
                self._tell(
                    {
                        "exited": pid,
                        "token": token,
                        "status": status,
                        "peak_rss_bytes": usage.ru_maxrss * 1024,
                        "cpu_ms": cpu_ms,
                    }
                )

    def _end_all(self) -> None:
        """The workers and what they started."""
        self._workers.clear()
        end_children()

    def _tell(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        try:
            socket.send_fds(self._control, [json.dumps(message).encode()], descriptors or [])
        except OSError:
            # The engine is gone, and with it the reason to be here.
            self._end_all()
            os._exit(0)


def _become_worker(descriptors: Descriptors, walls: Walls, policy: Policy, token: int) -> None:
    try:
        signal.set_wakeup_fd(-1)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        os.register_at_fork = _register_at_fork
        if policy.subprocess or not walls.seccomp:
            # It can fork, and what it imports counts on these.
            for hooks in _fork_hooks:
                _register_at_fork(**hooks)  # type: ignore[arg-type]
        live(descriptors, walls, policy, token)
    except BaseException:
        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        os._exit(70)


def _python_paths() -> list[str]:
    """Where this Python and what it can import lie."""
    places = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, *sys.path]
    places += [sysconfig.get_path("stdlib"), os.path.dirname(os.path.realpath(sys.executable))]
    return [path for place in places if place for path in (place, os.path.realpath(place))]


def _preload(modules: list[str]) -> tuple[dict[str, str], str]:
    """Import them. Those that fail, with the reason; and the first that left threads running, where one did.

    A broken library is no reason to serve nothing. A process with threads cannot be forked.
    """
    failed: dict[str, str] = {}
    if "numpy" in modules:
        # numpy imports it late, and every worker would again.
        modules = [*modules, "numpy.random"]
    for name in modules:
        try:
            importlib.import_module(name)
        except BaseException as fault:
            failed[name] = f"{type(fault).__name__}: {fault}"
        if len(os.listdir("/proc/self/task")) > 1:
            return failed, name
    return failed, ""


def main(control: int) -> None:
    """Serve the engine at the other end of that descriptor until it hangs up."""
    Zygote(socket.socket(fileno=control)).serve()
