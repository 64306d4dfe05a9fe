"""Python that is named on the command line: what a file holds, or standard input."""

from __future__ import annotations

import sys
from importlib.util import decode_source
from pathlib import Path

from qntx.errors import Refused


def read(file: str | Path) -> str:
    """The text of that file; of standard input for `-`. Raises Refused where it is no text, or nothing."""
    named = "standard input" if str(file) == "-" else str(file)
    data = sys.stdin.buffer.read() if str(file) == "-" else Path(file).read_bytes()
    if not data:
        raise Refused(f"{named} is empty: there is nothing to run")
    try:
        return decode_source(data)
    except (UnicodeDecodeError, SyntaxError) as fault:
        raise Refused(f"{named} is no Python: {fault}") from fault
