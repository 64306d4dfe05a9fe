"""Progress of what takes long: on a terminal, and gone when it is done; elsewhere nothing."""

from __future__ import annotations

from rich.console import Console
from rich.progress import Progress, ProgressColumn


def bars(*columns: ProgressColumn, shown: bool = True) -> Progress:
    """On standard error, so that what is printed can be piped."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal))
