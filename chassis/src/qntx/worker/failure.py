"""What went wrong in a script, told in the script's own lines."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from types import TracebackType

ERROR_CHARACTERS = 32_000
FRAMES_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Failure:
    """How a script failed."""

    error: str = ""
    outcome: str = "finished"
    missing_module: str = ""


def failure_of(raised: BaseException, filename: str) -> Failure | None:
    """None where it is no failure: `sys.exit()` and `sys.exit(0)` are success."""
    if isinstance(raised, SystemExit) and raised.code in (None, 0):
        return None
    return Failure(
        error=_told(raised, filename),
        outcome="out_of_memory" if isinstance(raised, MemoryError) else "raised",
        missing_module=(raised.name or "") if isinstance(raised, ModuleNotFoundError) else "",
    )


def _told(raised: BaseException, filename: str) -> str:
    try:
        return _text(raised, filename)
    except Exception as fault:
        # Its message takes more memory than there is, or telling it raises something else.
        return f"{type(raised).__name__}, which could not be told: {type(fault).__name__}\n"


def _text(raised: BaseException, filename: str) -> str:
    shown = _script_frames(raised.__traceback__, filename)
    lines = traceback.format_exception(type(raised), raised, shown, limit=-FRAMES_SHOWN)
    text = "".join(lines)
    if len(text) > ERROR_CHARACTERS:
        half = ERROR_CHARACTERS // 2
        text = (
            f"{text[:half]}\n[... {len(text) - ERROR_CHARACTERS} characters of the traceback left out]\n{text[-half:]}"
        )
    return text


def _script_frames(trace: TracebackType | None, filename: str) -> TracebackType | None:
    """The traceback from the script's first frame on: what called the script is no news to its author."""
    shown = trace
    while shown is not None and shown.tb_frame.f_code.co_filename != filename:
        shown = shown.tb_next
    return shown
