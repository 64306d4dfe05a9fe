"""seccomp: the system calls that no script needs, denied."""

from __future__ import annotations

import ctypes
import errno
import signal
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache

from qntx.worker.sandbox import calls, kernel
from qntx.worker.sandbox.calls import number_of
from qntx.worker.sandbox.policy import Policy

Instruction = tuple[int, int, int, int]

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_SET_MODE_FILTER = 1
_X32 = 0x40000000
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_THREAD = 0x00010000
_NAMESPACES = 0x7E020080
_MAP_SHARED, _MAP_ANONYMOUS, _MAP_GROWSDOWN = 0x01, 0x20, 0x100
_MSG_FASTOPEN = 0x20000000
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
# The type's first two bits are those of SOCK_STREAM, SOCK_DGRAM and SOCK_RAW, which takes a privilege.
_OTHER_THAN_STREAMS_AND_DATAGRAMS = 0b1100
_PROTOCOLS = (0, 1, 6, 17, 58)
"""The type's own, ICMP, TCP, UDP, ICMP of version 6."""

# The argument that holds the flags of each call that can send the first bytes with the connection itself.
_SENDING = {"sendto": 3, "sendmsg": 2, "sendmmsg": 3}
# What says, in each call that does something to a process, that the caller means itself.
_MEANS_ONESELF = {
    "ioprio_set": {0: 1, 1: 0},
    "migrate_pages": {0: 0},
    "move_pages": {0: 0},
    "prlimit64": {0: 0},
    "sched_setaffinity": {0: 0},
    "sched_setattr": {0: 0},
    "sched_setparam": {0: 0},
    "sched_setscheduler": {0: 0},
    "setpriority": {0: 0, 1: 0},
}
# F_SETOWN and F_SETOWN_EX, FIOSETOWN and SIOCSPGRP: who is sent a signal when a descriptor has something to tell.
_OWNERS = {"fcntl": (8, 15), "ioctl": (0x8901, 0x8902)}
_JUDGED = ("clone", "clone3", "mmap", "prctl", "socket", "inotify_add_watch", *_SENDING, *_MEANS_ONESELF, *_OWNERS)
_STARTS = ("fork", "vfork", "execve", "execveat")
_SIGNALS_BY_PID = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
# The argument that holds the signal, after the process or thread it is for.
_SIGNAL_ARGUMENTS = {"kill": 1, "tkill": 1, "tgkill": 2}
_SIGNALS_UNNAMED = ("tkill", "pidfd_send_signal")
_NEVER = tuple(sorted(calls.NUMBERS.keys() - {*_JUDGED, *_STARTS, *_SIGNALS_BY_PID, *_SIGNALS_UNNAMED}))
_PROGRAMS_KEPT = 64


def supported() -> bool:
    return kernel.MACHINE in _ARCHITECTURE


@lru_cache(maxsize=_PROGRAMS_KEPT)
def program(
    policy: Policy,
    *,
    unix_sockets: bool = False,
    own_pid: int = 0,
    keep_metadata: bool = False,
    first_process: bool = False,
) -> bytes:
    """The filter as BPF.

    `own_pid` not 0: signals reach this process only, for kernels that cannot hold them in. `keep_metadata`: changes of
    a file's mode, owner and times do nothing, and say that they did; refused, they would fail every shutil.copy().
    `first_process`: it runs as the first of its process tree, whom the kernel would not let kill itself; without, the
    processes of others are in sight.
    """
    instructions: list[Instruction] = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 1, 0, _ARCHITECTURE[kernel.MACHINE]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_JUMP_GREATER_EQUAL, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
        (_JUMP_GREATER_EQUAL, 0, 1, calls.LAST + 1),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
    ]
    instructions += _refused(_NEVER, errno.EPERM)
    # glibc then takes clone, whose flags can be seen.
    instructions += _refused(["clone3"], errno.ENOSYS)
    instructions += _processes(policy)
    instructions += _sockets(policy, unix_sockets=unix_sockets)
    if policy.network:
        instructions += _connecting()
    instructions += _uncounted_memory()
    if keep_metadata:
        instructions += _refused(calls.METADATA, 0)
        # What goes on in directories that it may not read.
        instructions += _refused(["inotify_add_watch"], errno.EACCES)
    if own_pid:
        instructions += _signals(own_pid)
    instructions += _killing_oneself() if first_process else _only_oneself()
    instructions.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


def install(filter_program: bytes) -> None:
    """For good, for this process and all it starts."""
    buffer = ctypes.create_string_buffer(filter_program, len(filter_program))
    header = struct.pack("@HP", len(filter_program) // 8, ctypes.addressof(buffer))
    kernel.syscall("seccomp", kernel.NR_SECCOMP, _SET_MODE_FILTER, 0, header)


def _refused(names: Iterable[str], error: int) -> Iterator[Instruction]:
    """All of them, at one comparison each: every worker pays for the filter's length when it takes it on."""
    numbers = [number for name in names if (number := number_of(name)) is not None]
    for left, number in zip(reversed(range(len(numbers))), numbers, strict=True):
        yield _JUMP_EQUAL, left, 0 if left else 1, number
    yield _RETURN, 0, 0, _ERRNO | error


def _low_word(argument: int) -> Instruction:
    return _LOAD, 0, 0, 16 + 8 * argument


def _only(name: str, checks: list[Instruction]) -> list[Instruction]:
    """Those checks for that call only; each way through them ends in a return."""
    number = number_of(name)
    return [] if number is None else [(_JUMP_EQUAL, 0, len(checks), number), *checks]


def _processes(policy: Policy) -> list[Instruction]:
    """Threads always; processes where they are allowed, but never one in a namespace of its own making."""
    if policy.subprocess:
        checks = [_low_word(0), (_JUMP_SET, 0, 1, _NAMESPACES), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
        return _only("clone", [*checks, (_RETURN, 0, 0, _ALLOW)])
    checks = [_low_word(0), (_JUMP_SET, 1, 0, _THREAD), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    return [*_refused(_STARTS, errno.EPERM), *_only("clone", [*checks, (_RETURN, 0, 0, _ALLOW)])]


def _sockets(policy: Policy, *, unix_sockets: bool) -> list[Instruction]:
    """Sockets of a few families; of the internet's, TCP, UDP and ping.

    Landlock judges the ports of TCP alone: MPTCP and SCTP would reach what it denies.
    """
    families = [AF_NETLINK] if policy.network else []
    families += [AF_UNIX] if unix_sockets else []
    refusal = _RETURN, 0, 0, _ERRNO | errno.EACCES
    checks: list[Instruction] = [_low_word(0)]
    for family in families:
        checks += [(_JUMP_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW)]
    if policy.network:
        checks += [(_JUMP_EQUAL, 2, 0, AF_INET), (_JUMP_EQUAL, 1, 0, AF_INET6), refusal]
        checks += [_low_word(1), (_JUMP_SET, 0, 1, _OTHER_THAN_STREAMS_AND_DATAGRAMS), refusal, _low_word(2)]
        for protocol in _PROTOCOLS:
            checks += [(_JUMP_EQUAL, 0, 1, protocol), (_RETURN, 0, 0, _ALLOW)]
    return _only("socket", [*checks, refusal])


def _connecting() -> list[Instruction]:
    """Connections begin by connect(), which Landlock judges, never by sending (TCP Fast Open), which it does not."""
    instructions: list[Instruction] = []
    for name, flags in _SENDING.items():
        checks = [
            _low_word(flags),
            (_JUMP_SET, 0, 1, _MSG_FASTOPEN),
            (_RETURN, 0, 0, _ERRNO | errno.EOPNOTSUPP),
            (_RETURN, 0, 0, _ALLOW),
        ]
        instructions += _only(name, checks)
    return instructions


def _uncounted_memory() -> list[Instruction]:
    """Neither anonymous shared memory nor what grows like a stack is counted by a limit: there is none."""
    return _only(
        "mmap",
        [
            _low_word(3),
            (_JUMP_SET, 2, 0, _MAP_GROWSDOWN),
            (_JUMP_SET, 0, 2, _MAP_ANONYMOUS),
            (_JUMP_SET, 0, 1, _MAP_SHARED),
            (_RETURN, 0, 0, _ERRNO | errno.ENOMEM),
            (_RETURN, 0, 0, _ALLOW),
        ],
    )


def _killing_oneself() -> list[Instruction]:
    """SIGKILL to the first process ends who sends it: the kernel would drop the signal and tell the sender nothing."""
    instructions: list[Instruction] = []
    for name, signal_at in _SIGNAL_ARGUMENTS.items():
        checks = [
            _low_word(0),
            (_JUMP_EQUAL, 0, 3, 1),
            _low_word(signal_at),
            (_JUMP_EQUAL, 0, 1, signal.SIGKILL),
            (_RETURN, 0, 0, _KILL),
            (_RETURN, 0, 0, _ALLOW),
        ]
        instructions += _only(name, checks)
    return instructions


def _signals(own_pid: int) -> list[Instruction]:
    checks: list[Instruction] = [
        _low_word(0),
        (_JUMP_EQUAL, 0, 1, own_pid),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
    ]
    held = [instruction for name in _SIGNALS_BY_PID for instruction in _only(name, checks)]
    return [*held, *_refused(_SIGNALS_UNNAMED, errno.EPERM)]


def _only_oneself() -> list[Instruction]:
    """Limits, priorities and processors of this process, not of others that the same user has; no signals by detours.

    And its zygote's end stays its own.
    """
    allowed, refusal = (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    instructions: list[Instruction] = []
    for name, meant in _MEANS_ONESELF.items():
        checks: list[Instruction] = []
        for argument, value in meant.items():
            checks += [_low_word(argument), (_JUMP_EQUAL, 1, 0, value), refusal]
        instructions += _only(name, [*checks, allowed])
    for name, requests in _OWNERS.items():
        checks = [_low_word(1)]
        for request in requests:
            checks += [(_JUMP_EQUAL, 0, 1, request), refusal]
        instructions += _only(name, [*checks, allowed])
    death = [_low_word(0), (_JUMP_EQUAL, 1, 0, kernel.PR_SET_PDEATHSIG), allowed]
    by_sigkill = [_low_word(1), (_JUMP_EQUAL, 1, 0, signal.SIGKILL), refusal, allowed]
    return [*instructions, *_only("prctl", [*death, *by_sigkill])]
