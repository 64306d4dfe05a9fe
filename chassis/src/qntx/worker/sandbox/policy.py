"""What one run may do, and what that means for the kernel. Decides; does nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

FULL, LANDLOCK, LIMITS = "full", "landlock", "limits"
RUNGS = (LIMITS, LANDLOCK, FULL)
"""From the lowest up."""

SYSTEM_PATHS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store")
ETC_PATHS = tuple(
    f"/etc/{name}"
    for name in (
        "alternatives",
        "ca-certificates",
        "fonts",
        "group",
        "host.conf",
        "hosts",
        "ld.so.cache",
        "ld.so.conf",
        "ld.so.conf.d",
        "localtime",
        "mime.types",
        "nsswitch.conf",
        "os-release",
        "passwd",
        "pki/tls/certs",
        "protocols",
        "resolv.conf",
        "services",
        "ssl/certs",
        "ssl/openssl.cnf",
        "static",
        "timezone",
    )
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
PROCESS_FACTS = ("/proc/cpuinfo", "/proc/filesystems", "/proc/meminfo", "/proc/stat", "/proc/version")
OPEN_FILES_MAX = 512


@dataclass(frozen=True, slots=True)
class Policy:
    """What one run may do. Runs whose policies are equal can be given the same idle workers."""

    memory_mib: int = 1024
    processes: int = 64
    scratch_mib: int = 256
    network: bool = False
    network_ports: tuple[int, ...] = ()
    subprocess: bool = False
    readable_paths: tuple[str, ...] = ()
    session: bool = False

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Policy:
        lists = {name: tuple(fields[name]) for name in ("network_ports", "readable_paths")}
        return cls(**{**fields, **lists})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def at_least(rung: str, required: str) -> bool:
    """Is this rung as high as what is required?"""
    return RUNGS.index(rung) >= RUNGS.index(required)


def scratch_files_max(scratch_mib: int) -> int:
    """Files, folders and links that a scratch directory may hold: each costs memory or disk, however empty."""
    return 1000 + 64 * scratch_mib


def outermost(paths: Sequence[str]) -> list[str]:
    """The paths without those that lie in another of them."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(path.startswith(above.rstrip("/") + "/") for above in kept):
            kept.append(path)
    return kept


def readable(python_paths: Sequence[str]) -> list[str]:
    """What every run may read: the system's libraries and Python's own."""
    paths = [*SYSTEM_PATHS, *ETC_PATHS, *python_paths]
    return [path for path in dict.fromkeys(paths) if path not in ("", "/")]
