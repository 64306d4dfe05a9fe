"""Namespaces: a file tree of our own making, no other processes in sight, no network.

The zygote enters them once; a worker adds what is its own: a scratch directory, a process tree, the network or none.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence

from qntx.worker.sandbox import kernel
from qntx.worker.sandbox.identity import NOBODY, drop_root, map_to_nobody
from qntx.worker.sandbox.policy import DEVICES, Policy, outermost, scratch_files_max

SCRATCH = "/scratch"
HOST = "/.host"
_BASES = ("/tmp", "/mnt", "/run")
_PRIVATE = kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS | kernel.CLONE_NEWPID
_SAFE = kernel.MS_NOSUID | kernel.MS_NODEV


class Namespaces:
    """What the zygote holds on to for its workers."""

    def __init__(self, processes: int, empty_network: int) -> None:
        self._processes = processes
        self._empty_network = empty_network

    def before_fork(self) -> None:
        """The next fork begins a process tree: it is that tree's first process, and the tree ends with it."""
        kernel.setns(self._processes, kernel.CLONE_NEWPID)
        kernel.unshare(kernel.CLONE_NEWPID)

    def enter(self, policy: Policy) -> None:
        """In the worker: its own mounts, and its own count of processes."""
        kernel.unshare(kernel.CLONE_NEWNS)
        size = f"size={policy.scratch_mib}m,nr_inodes={scratch_files_max(policy.scratch_mib)},mode=0700"
        kernel.mount("scratch", SCRATCH, "tmpfs", _SAFE, size)
        for path in policy.readable_paths:
            _show(path)
        if policy.subprocess:
            kernel.mount("shm", "/dev/shm", "tmpfs", _SAFE, size)
            kernel.mount("proc", "/proc", "proc", _SAFE | kernel.MS_NOEXEC)
        kernel.mount("hidden", HOST, "tmpfs", _SAFE, "size=4k,mode=0000")
        if not policy.network:
            kernel.setns(self._empty_network, kernel.CLONE_NEWNET)
        # Processes are counted for each user of each user namespace; one of its own keeps workers out of each other's
        # count.
        kernel.unshare(kernel.CLONE_NEWUSER)
        map_to_nobody(NOBODY, NOBODY)


def enter(paths: Sequence[str], *, drop: bool) -> Namespaces:
    """In the zygote. Returns in a new process; the old one stays behind and ends with it."""
    if drop:
        kernel.unshare(kernel.CLONE_NEWNS)
        _build_tree(paths, drop=True)
        drop_root()
        _unshare_as_nobody(HOST + "/proc")
    else:
        _unshare_as_nobody("/proc")
        _build_tree(paths, drop=False)
    _continue_in_new_process()
    kernel.mount("proc", "/proc", "proc", _SAFE | kernel.MS_NOEXEC)
    return Namespaces(os.open("/proc/self/ns/pid", os.O_RDONLY), _empty_network())


def _unshare_as_nobody(proc: str) -> None:
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(_PRIVATE)
    map_to_nobody(uid, gid, proc)


def _continue_in_new_process() -> None:
    child = os.fork()
    if child:
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0x7F)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def _build_tree(paths: Sequence[str], *, drop: bool) -> None:
    """A root that holds nothing but these paths, read-only, and a few devices."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    base = next(path for path in _BASES if os.path.isdir(path))
    # Opened first: the new root hides what lies below its mount point.
    opened = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in _shown(paths)}
    devices = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in DEVICES}
    kernel.mount("root", base, "tmpfs", _SAFE, "size=1m,mode=0755")
    if drop:
        os.chown(base, NOBODY, NOBODY)
    for path in paths:
        if os.path.islink(path) and os.path.dirname(path) == "/":
            os.symlink(os.readlink(path), base + path)
    for path, descriptor in opened.items():
        _bind(descriptor, base + path, read_only=True)
    for path, descriptor in devices.items():
        _bind(descriptor, base + path, read_only=False)
    _furnish(base, paths)
    if drop:
        _give_away(base, [*opened, *devices])
    os.mkdir(base + HOST)
    kernel.pivot_root(base, base + HOST)
    os.chdir("/")


def _give_away(base: str, paths: Sequence[str]) -> None:
    """The folders that lead to these paths: a worker that adds a path of its own beside them has to reach it."""
    folders = {os.path.dirname(path) for path in paths}
    while folders - {"/"}:
        for folder in folders:
            os.chown(base + folder, NOBODY, NOBODY)
        folders = {os.path.dirname(folder) for folder in folders}


def _shown(paths: Sequence[str]) -> list[str]:
    """The paths that are there, without links of the root directory (copied as links) and what lies in another path."""
    there = [path for path in paths if os.path.exists(path)]
    return outermost([path for path in there if not (os.path.islink(path) and os.path.dirname(path) == "/")])


def _furnish(base: str, paths: Sequence[str]) -> None:
    for directory in ("proc", "dev/shm", SCRATCH[1:]):
        os.makedirs(f"{base}/{directory}", exist_ok=True)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"{base}/dev/{name}")
    os.makedirs(f"{base}/var", exist_ok=True)
    for place in ("/tmp", "/var/tmp"):
        if not os.path.lexists(base + place):
            os.symlink(SCRATCH, base + place)


def _bind(descriptor: int, target: str, *, read_only: bool) -> None:
    source = f"/proc/self/fd/{descriptor}"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    kernel.mount(source, target, None, kernel.MS_BIND | kernel.MS_REC)
    if read_only:
        kernel.mount_set(target, kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID)
    os.close(descriptor)


def _show(path: str) -> None:
    """Add a path of the host to the tree. One that is not there, or that we may not see, stays missing."""
    with contextlib.suppress(OSError):
        descriptor = os.open(HOST + path, os.O_PATH | os.O_CLOEXEC)
        if os.path.exists(path) and os.path.samestat(os.stat(path), os.fstat(descriptor)):
            os.close(descriptor)
            return
        _bind(descriptor, path, read_only=True)


def _empty_network() -> int:
    """A network without anything in it, for all workers that may not have one."""
    made_read, made_write = os.pipe()
    done_read, done_write = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(done_write)
        try:
            kernel.unshare(kernel.CLONE_NEWNET)
            os.write(made_write, b"1")
            os.read(done_read, 1)
        finally:
            os._exit(0)
    os.close(made_write)
    os.close(done_read)
    try:
        if not os.read(made_read, 1):
            raise OSError("no network namespace can be made")
        return os.open(f"/proc/{helper}/ns/net", os.O_RDONLY)
    finally:
        os.close(made_read)
        os.close(done_write)
        os.waitpid(helper, 0)
