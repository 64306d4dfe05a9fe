"""Landlock: files and ports by allowlist, without any privilege."""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from collections.abc import Collection, Iterable

from qntx.worker.sandbox import kernel

ABI_MAX = 7
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH, _RULE_NET_PORT = 1, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
DEVICE = READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV
_ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_BIND_TCP, _CONNECT_TCP = 1, 2
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1, 2


def abi() -> int:
    """The version the kernel offers; OSError where it offers none."""
    version = kernel.syscall("landlock_create_ruleset", kernel.NR_LANDLOCK_CREATE, None, 0, _CREATE_RULESET_VERSION)
    return min(version, ABI_MAX)


def everything(version: int) -> int:
    """All rights on files that this version knows."""
    bits = {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)
    return (1 << bits) - 1


def scopes_signals(version: int) -> bool:
    return version >= 6


def knows_ports(version: int) -> bool:
    return version >= 4


def restrict(version: int, rules: Iterable[tuple[str | int, int]], ports: Collection[int] | None) -> None:
    """Leave this process, for good, nothing of the file system but what the rules name.

    A rule is a path, or a descriptor of one, and the rights below it. A path that is not there needs none. Of TCP it
    leaves connections to those ports, and nothing at all where `ports` is None; as far as the kernel can.
    """
    judged = _BIND_TCP | _CONNECT_TCP if ports is None else _CONNECT_TCP
    if not knows_ports(version):
        judged = 0
    scopes = _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS if version >= 6 else 0
    attributes = struct.pack("=QQQ", everything(version), judged, scopes)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = kernel.syscall("landlock_create_ruleset", kernel.NR_LANDLOCK_CREATE, attributes, size, 0)
    try:
        for place, rights in rules:
            if isinstance(place, int):
                _allow(ruleset, place, rights & everything(version))
                continue
            with contextlib.suppress(FileNotFoundError, PermissionError):
                descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
                _allow(ruleset, descriptor, rights & everything(version))
                os.close(descriptor)
        for port in (ports or ()) if judged else ():
            rule = struct.pack("=QQ", _CONNECT_TCP, port)
            kernel.syscall("landlock_add_rule", kernel.NR_LANDLOCK_ADD, ruleset, _RULE_NET_PORT, rule, 0)
        kernel.syscall("landlock_restrict_self", kernel.NR_LANDLOCK_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, descriptor: int, rights: int) -> None:
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        # Rights that only a directory can have are an error on anything else.
        rights &= _ON_FILES
    rule = struct.pack("=Qi", rights, descriptor)
    kernel.syscall("landlock_add_rule", kernel.NR_LANDLOCK_ADD, ruleset, _RULE_PATH_BENEATH, rule, 0)
