"""System calls that Python does not offer."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]

MACHINE = platform.machine()
_X86 = MACHINE == "x86_64"

NR_PIVOT_ROOT = 155 if _X86 else 41
NR_SECCOMP = 317 if _X86 else 277
NR_CAPSET = 126 if _X86 else 91
NR_MOUNT_SETATTR = 442
NR_LANDLOCK_CREATE, NR_LANDLOCK_ADD, NR_LANDLOCK_RESTRICT = 444, 445, 446

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 1, 2
MADV_HUGEPAGE, MADV_COLLAPSE = 14, 25
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_CAPABILITY_VERSION = 0x20080522


def checked(returned: int, call: str) -> int:
    if returned < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return returned


def syscall(name: str, number: int, *arguments: object) -> int:
    return checked(_libc.syscall(ctypes.c_long(number), *arguments), name)


def prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    checked(_libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero), f"prctl({option})")


def unshare(namespaces: int) -> None:
    checked(_libc.unshare(namespaces), "unshare")


def setns(descriptor: int, namespace: int) -> None:
    checked(_libc.setns(descriptor, namespace), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    returned = _libc.mount(
        source.encode(), target.encode(), kind.encode() if kind else None, flags, options.encode() if options else None
    )
    checked(returned, f"mount on {target}")


def mount_set(target: str, attributes: int) -> None:
    """Set attributes on a mount and all below it."""
    wanted = struct.pack("=QQQQ", attributes, 0, 0, 0)
    syscall("mount_setattr", NR_MOUNT_SETATTR, _AT_FDCWD, target.encode(), _AT_RECURSIVE, wanted, len(wanted))


def pivot_root(new: str, old: str) -> None:
    syscall("pivot_root", NR_PIVOT_ROOT, new.encode(), old.encode())


def madvise(address: int, length: int, advice: int) -> None:
    checked(_libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(length), advice), "madvise")


def mprotect(address: int, length: int, rights: int) -> None:
    checked(_libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(length), rights), "mprotect")


def drop_capabilities() -> None:
    header = struct.pack("=II", _CAPABILITY_VERSION, 0)
    syscall("capset", NR_CAPSET, header, bytes(24))


def flush_c_streams() -> None:
    """What C libraries have printed leaves now."""
    _libc.fflush(None)
