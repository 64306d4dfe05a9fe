"""display(), progress() and log(): what a run shows while it runs."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

from qntx.script import context as run
from qntx.script.attributes import plain

_FORMS = {
    "text/html": "_repr_html_",
    "text/markdown": "_repr_markdown_",
    "text/latex": "_repr_latex_",
    "image/svg+xml": "_repr_svg_",
    "image/png": "_repr_png_",
    "image/jpeg": "_repr_jpeg_",
    "application/json": "_repr_json_",
}
LEVELS = ("debug", "info", "warning", "error")


def display(obj: Any) -> None:
    """Show a value as Jupyter would: a table, a plot, HTML, in the forms the value offers."""
    context = run.current("display")
    context.channel.tell("display", (context.to_bundle or bundle)(obj))


def progress(current: float, total: float | None = None, message: str | None = None) -> None:
    """Say how far this run is: `progress(3, 10, "third file")`."""
    for name, value in (("current", current), ("total", total)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise TypeError(f"progress: {name} must be a number, not {type(value).__name__}")
    step = {"current": plain(current), "total": plain(total), "message": str(message or "")}
    run.current("progress").channel.tell("progress", step)


def log(message: str, level: str = "info", **fields: Any) -> None:
    """Write a line to this run's log, with fields: `log("skipped", level="warning", row=7)`."""
    chosen = "warning" if level == "warn" else level
    if chosen not in LEVELS:
        raise ValueError(f"log: level must be one of {', '.join(LEVELS)}, not {level!r}")
    try:
        kept = plain(fields, "fields")
    except (TypeError, ValueError) as fault:
        raise type(fault)(f"log: {fault}") from None
    line = {"level": chosen, "message": str(message), "fields": kept, "timestamp_ms": time.time_ns() // 1_000_000}
    run.current("log").channel.tell("log", line)


def bundle(obj: Any) -> dict[str, Any]:
    """The value in every form it offers by the IPython protocol, MIME type to text (binary as base64) or JSON."""
    offered = obj._repr_mimebundle_() if _offers(obj, "_repr_mimebundle_") else None
    if isinstance(offered, tuple):
        offered = offered[0]
    forms = dict(offered) if isinstance(offered, Mapping) else {}
    for mime, method in _FORMS.items():
        if mime not in forms and _offers(obj, method):
            content = getattr(obj, method)()
            if content is not None:
                forms[mime] = content
    forms.setdefault("text/plain", repr(obj))
    return {mime: _travelling(content) for mime, content in forms.items()}


def _offers(obj: Any, method: str) -> bool:
    # A class is shown as a class, not by what its instances would offer.
    return not isinstance(obj, type) and callable(getattr(obj, method, None))


def _travelling(content: Any) -> Any:
    if isinstance(content, tuple):  # data and metadata
        content = content[0]
    return base64.b64encode(content).decode("ascii") if isinstance(content, bytes) else content
