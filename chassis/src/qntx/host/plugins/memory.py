"""How much memory a plugin takes: its own process, its zygote and its workers together."""

from __future__ import annotations

from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Memory:
    """What processes share is counted once: a worker that has only been forked costs next to nothing."""

    memory_bytes: int = 0
    processes: int = 0


def measured(pid: int) -> Memory:
    """Of that process and all it started; nothing where it runs elsewhere, or not any more. Blocks for milliseconds."""
    if not pid:
        return Memory()
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return Memory()
    shares = [share for process in processes if (share := _share(process)) is not None]
    return Memory(sum(shares), len(shares))


def _share(process: psutil.Process) -> int | None:
    """Its pages, each divided by how many processes hold it; None where it has ended meanwhile."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return None
