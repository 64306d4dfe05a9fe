"""Limits that every kernel enforces."""

from __future__ import annotations

import resource
from collections.abc import Iterator

from qntx.worker.sandbox.policy import OPEN_FILES_MAX, Policy

_MIB = 1024 * 1024
STACK_BYTES_MAX = 64 * _MIB
ADDRESSES_PER_BYTE = 64
ADDRESS_BYTES_LEAST = 16 * 1024 * _MIB


def used_data_bytes() -> int:
    """Writable private memory of this process, as RLIMIT_DATA counts it."""
    with open("/proc/self/status", encoding="utf-8") as status:
        line = next(line for line in status if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024


def wanted(policy: Policy, data_bytes_before: int) -> Iterator[tuple[int, int]]:
    """Each resource and its bound.

    RLIMIT_DATA, not RLIMIT_AS: address space is reserved far beyond what is used (64 MiB for every thread's arena), and
    such a bound on it would allow seven threads in 512 MiB. It has one that is far: the tables of its pages, which
    nothing else counts, take an eighth of the memory at most. Nor is the first stack counted.
    """
    yield resource.RLIMIT_AS, max(ADDRESSES_PER_BYTE * policy.memory_mib * _MIB, ADDRESS_BYTES_LEAST)
    yield resource.RLIMIT_STACK, STACK_BYTES_MAX
    yield resource.RLIMIT_DATA, data_bytes_before + policy.memory_mib * _MIB
    yield resource.RLIMIT_NPROC, policy.processes
    yield resource.RLIMIT_FSIZE, policy.scratch_mib * _MIB
    yield resource.RLIMIT_NOFILE, OPEN_FILES_MAX
    yield resource.RLIMIT_CORE, 0
    yield resource.RLIMIT_MEMLOCK, 64 * 1024
    yield resource.RLIMIT_MSGQUEUE, 0


def apply(policy: Policy, data_bytes_before: int) -> None:
    for kind, bound in wanted(policy, data_bytes_before):
        soft, hard = resource.getrlimit(kind)
        lowered = _least(bound, hard)
        # A larger stack than there was would change where threads put theirs.
        resource.setrlimit(kind, (_least(lowered, soft) if kind == resource.RLIMIT_STACK else lowered, lowered))


def _least(bound: int, before: int) -> int:
    return bound if before == resource.RLIM_INFINITY else min(bound, before)
