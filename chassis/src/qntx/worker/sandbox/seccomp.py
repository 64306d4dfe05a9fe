"""seccomp: the system calls that no script needs, denied."""

from __future__ import annotations

import ctypes
import errno
import signal
import struct
from collections.abc import Iterator
from functools import cache

from qntx.worker.sandbox import kernel
from qntx.worker.sandbox.policy import Policy

Instruction = tuple[int, int, int, int]

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_SET_MODE_FILTER = 1
_X32 = 0x40000000
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_THREAD = 0x00010000
_NAMESPACES = 0x7E020080
_MAP_SHARED, _MAP_ANONYMOUS = 0x01, 0x20
_MSG_FASTOPEN = 0x20000000
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
# The type's first two bits are those of SOCK_STREAM, SOCK_DGRAM and SOCK_RAW, which takes a privilege.
_OTHER_THAN_STREAMS_AND_DATAGRAMS = 0b1100
_PROTOCOLS = (0, 1, 6, 17, 58)
"""The type's own, ICMP, TCP, UDP, ICMP of version 6."""

# name: (x86_64, aarch64); None where the architecture has no such call.
_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "clone": (56, 220),
    "clone3": (435, 435),
    "delete_module": (176, 106),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fork": (57, None),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "kill": (62, 129),
    "lookup_dcookie": (212, 18),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mmap": (9, 222),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "semget": (64, 190),
    "sendmmsg": (307, 269),
    "sendmsg": (46, 211),
    "sendto": (44, 206),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmget": (29, 194),
    "socket": (41, 198),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "tgkill": (234, 131),
    "tkill": (200, 130),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vfork": (58, None),
    "vhangup": (153, 58),
}
# What Landlock does not hold in: who may do what with a file, and its times.
_METADATA: dict[str, tuple[int | None, int | None]] = {
    "chmod": (90, None),
    "chown": (92, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "fremovexattr": (199, 16),
    "fsetxattr": (190, 7),
    "futimesat": (261, None),
    "lchown": (94, None),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "setxattr": (188, 5),
    "utime": (132, None),
    "utimensat": (280, 88),
    "utimes": (235, None),
}
# The argument that holds the flags of each call that can send the first bytes with the connection itself.
_SENDING = {"sendto": 3, "sendmsg": 2, "sendmmsg": 3}
_JUDGED = ("clone", "clone3", "mmap", "socket", *_SENDING)
_STARTS = ("fork", "vfork", "execve", "execveat")
_SIGNALS_BY_PID = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
# The argument that holds the signal, after the process or thread it is for.
_SIGNAL_ARGUMENTS = {"kill": 1, "tkill": 1, "tgkill": 2}
_SIGNALS_UNNAMED = ("tkill", "pidfd_send_signal")
_NEVER = tuple(sorted(_NUMBERS.keys() - {*_JUDGED, *_STARTS, *_SIGNALS_BY_PID, *_SIGNALS_UNNAMED}))


def number_of(name: str) -> int | None:
    return {**_NUMBERS, **_METADATA}[name][0 if kernel.MACHINE == "x86_64" else 1]


def supported() -> bool:
    return kernel.MACHINE in _ARCHITECTURE


@cache
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
    `first_process`: it runs as the first of its process tree, whom the kernel would not let kill itself.
    """
    instructions: list[Instruction] = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 1, 0, _ARCHITECTURE[kernel.MACHINE]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_JUMP_GREATER_EQUAL, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
    ]
    for name in _NEVER:
        instructions += _refused(name, errno.EPERM)
    # glibc then takes clone, whose flags can be seen.
    instructions += _refused("clone3", errno.ENOSYS)
    instructions += _processes(policy)
    instructions += _sockets(policy, unix_sockets=unix_sockets)
    if policy.network:
        instructions += _connecting()
    instructions += _shared_memory()
    if keep_metadata:
        for name in _METADATA:
            instructions += _refused(name, 0)
    if own_pid:
        instructions += _signals(own_pid)
    if first_process:
        instructions += _killing_oneself()
    instructions.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


def install(filter_program: bytes) -> None:
    """For good, for this process and all it starts."""
    buffer = ctypes.create_string_buffer(filter_program, len(filter_program))
    header = struct.pack("@HP", len(filter_program) // 8, ctypes.addressof(buffer))
    kernel.syscall("seccomp", kernel.NR_SECCOMP, _SET_MODE_FILTER, 0, header)


def _refused(name: str, error: int) -> Iterator[Instruction]:
    number = number_of(name)
    if number is not None:
        yield _JUMP_EQUAL, 0, 1, number
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
    refused = [instruction for name in _STARTS for instruction in _refused(name, errno.EPERM)]
    checks = [_low_word(0), (_JUMP_SET, 1, 0, _THREAD), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    return refused + _only("clone", [*checks, (_RETURN, 0, 0, _ALLOW)])


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


def _shared_memory() -> list[Instruction]:
    """Anonymous shared memory is counted by no limit: there is none."""
    return _only(
        "mmap",
        [
            _low_word(3),
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
    unnamed = [instruction for name in _SIGNALS_UNNAMED for instruction in _refused(name, errno.EPERM)]
    return held + unnamed
