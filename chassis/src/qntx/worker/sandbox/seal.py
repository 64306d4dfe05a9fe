"""The walls around a worker: what the zygote puts up once, and what each worker closes behind itself."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from qntx.worker.sandbox import kernel, landlock, limits, namespaces, seccomp
from qntx.worker.sandbox.identity import NOBODY, drop_root
from qntx.worker.sandbox.namespaces import Namespaces
from qntx.worker.sandbox.policy import DEVICES, FULL, LANDLOCK, LIMITS, PROCESS_FACTS, Policy, outermost

NPROC_MARGIN = 256


@dataclass(frozen=True, slots=True)
class Walls:
    """How workers are held in on this machine. `drop`: the zygote is root's, its workers are nobody's."""

    rung: str
    drop: bool
    paths: Sequence[str]
    scratch_base: str
    landlock_abi: int = 0
    seccomp: bool = True
    namespaces: Namespaces | None = None
    tasks_before: int = 0
    data_bytes_before: int = 0
    places: tuple[tuple[int, int], ...] = ()
    """Descriptors of what every worker may reach, opened once, and the rights there."""

    def raised(self) -> Walls:
        """In the zygote, when everything is imported: from here on it may be in another process."""
        if self.drop:
            os.chown(self.scratch_base, NOBODY, NOBODY)
        if self.rung == FULL:
            inner = namespaces.enter(self.paths, drop=self.drop)
            return replace(self, namespaces=inner)
        if self.drop:
            drop_root()
        return replace(self, tasks_before=_tasks_of(os.getuid()))

    def measured(self) -> Walls:
        """With what is the same for all workers found out once: their paths, the memory that they start with."""
        opened = tuple(self._opened()) if self.rung != LIMITS else ()
        return replace(self, places=opened, data_bytes_before=limits.used_data_bytes())

    def before_fork(self, policy: Policy) -> None:
        """In the zygote: what is the same for all workers of that policy is made here once."""
        if self.seccomp and self._holds_signals(policy):
            self._filter(policy)
        if self.namespaces is not None:
            self.namespaces.before_fork()

    def close(self, policy: Policy, token: int) -> None:
        """In a worker: nothing that it does after this can open them again."""
        scratch = self._scratch(policy, token)
        os.chdir(scratch)
        os.environ.update(HOME=scratch, TMPDIR=scratch, PWD=scratch)
        tempfile.tempdir = None
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if self.rung != LIMITS:
            ports = policy.network_ports if policy.network else None
            landlock.restrict(self.landlock_abi, self._rules(policy, scratch), ports)
        kernel.drop_capabilities()
        # Elsewhere the count of processes is the user's, who may have a desktop full of them.
        allowed = 0 if self.namespaces is not None else self.tasks_before + NPROC_MARGIN
        limits.apply(replace(policy, processes=policy.processes + allowed), self.data_bytes_before)
        if self.seccomp:
            seccomp.install(self._filter(policy))

    def _holds_signals(self, policy: Policy) -> bool:
        """Does something else than the filter keep a worker's signals to itself?"""
        return self.rung == FULL or landlock.scopes_signals(self.landlock_abi) or policy.subprocess

    def _filter(self, policy: Policy) -> bytes:
        return seccomp.program(
            policy,
            # On the machine's network, abstract ones reach its services where Landlock does not hold them in.
            unix_sockets=self.rung == FULL
            and policy.subprocess
            and (not policy.network or landlock.scopes_signals(self.landlock_abi)),
            own_pid=0 if self._holds_signals(policy) else os.getpid(),
            keep_metadata=self.rung == LANDLOCK,
            first_process=self.rung == FULL,
        )

    def _scratch(self, policy: Policy, token: int) -> str:
        if self.namespaces is not None:
            self.namespaces.enter(policy)
            return namespaces.SCRATCH
        scratch = f"{self.scratch_base}/{token}"
        os.mkdir(scratch, 0o700)
        return scratch

    def _opened(self) -> Iterator[tuple[int, int]]:
        readable = [(path, landlock.READ) for path in outermost(self.paths)]
        facts = [(path, landlock.READ_FILE) for path in PROCESS_FACTS]
        # Mapped and shared, a /dev/zero that can be written to is memory that no limit counts.
        devices = [(path, landlock.READ_FILE if path == "/dev/zero" else landlock.DEVICE) for path in DEVICES]
        for path, rights in (*readable, *facts, *devices):
            with contextlib.suppress(OSError):
                yield os.open(path, os.O_PATH | os.O_CLOEXEC), rights

    def _rules(self, policy: Policy, scratch: str) -> Iterator[tuple[str | int, int]]:
        yield from self.places
        for path in policy.readable_paths:
            yield path, landlock.READ
        own_tree = self.rung == FULL and policy.subprocess
        yield "/proc" if own_tree else "/proc/self", landlock.READ
        yield scratch, landlock.everything(self.landlock_abi)
        if own_tree:
            yield "/dev/shm", landlock.everything(self.landlock_abi)


def _tasks_of(uid: int) -> int:
    """Processes and threads of that user."""
    tasks = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.stat(f"/proc/{entry}").st_uid == uid:
                    tasks += len(os.listdir(f"/proc/{entry}/task"))
            except OSError:
                # It ended while we looked.
                continue
    return tasks
