"""Limits that every kernel enforces."""

from __future__ import annotations

import resource
from collections.abc import Iterator

from qntx.worker.sandbox.policy import OPEN_FILES_MAX, Policy

_MIB = 1024 * 1024


def used_data_bytes() -> int:
    """Writable private memory of this process, as RLIMIT_DATA counts it."""
    with open("/proc/self/status", encoding="utf-8") as status:
        line = next(line for line in status if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024


def wanted(policy: Policy, data_bytes_before: int) -> Iterator[tuple[int, int]]:
    """Each resource and its bound.

    RLIMIT_DATA, not RLIMIT_AS: address space is reserved far beyond what is used (64 MiB for every thread's arena), and
    a bound on it would allow seven threads in 512 MiB.
    """
    yield resource.RLIMIT_DATA, data_bytes_before + policy.memory_mib * _MIB
    yield resource.RLIMIT_NPROC, policy.processes
    yield resource.RLIMIT_FSIZE, policy.scratch_mib * _MIB
    yield resource.RLIMIT_NOFILE, OPEN_FILES_MAX
    yield resource.RLIMIT_CORE, 0
    yield resource.RLIMIT_MEMLOCK, 64 * 1024
    yield resource.RLIMIT_MSGQUEUE, 0


def apply(policy: Policy, data_bytes_before: int) -> None:
    for kind, bound in wanted(policy, data_bytes_before):
        _, hard = resource.getrlimit(kind)
        lowered = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (lowered, lowered))
