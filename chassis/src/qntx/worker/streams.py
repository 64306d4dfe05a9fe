"""Standard input, output and error of a worker."""

from __future__ import annotations

import builtins
import io
import sys
from typing import NoReturn


def open_streams() -> None:
    """Python streams over descriptors 0, 1 and 2. A line leaves when it is complete, so a crash loses little."""
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.FileIO(0, "r", closefd=False), encoding="utf-8")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _writer(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _writer(2)  # type: ignore[misc]
    builtins.input = _no_input


def flush_streams() -> None:
    """Send what is written but waits. The script may have put anything in these names."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()  # type: ignore[union-attr]
        except Exception:
            # A closed or foreign stream has nothing that could still be saved.
            continue


def _writer(descriptor: int) -> io.TextIOWrapper:
    buffer = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return io.TextIOWrapper(buffer, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _no_input(prompt: object = "", /) -> NoReturn:
    raise RuntimeError(
        "input(): nobody is there to type an answer; put the value into the code, or pass it as upstream"
    )
