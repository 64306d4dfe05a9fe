"""The run this process is executing, and the line home from it.

The worker sets it before user code starts. Everything a script may call goes through here, so it works the same from
any thread, in every kind of run, and in a test that sets a channel of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class Channel(Protocol):
    """The worker's end of the line to its plugin. Every method may be called from any thread."""

    def attest(self, draft_json: bytes) -> int:
        """Send one draft without waiting; returns its number in this run, from 0.

        Raises RuntimeError where an earlier draft was refused and the script has not been told yet.
        """

    def stored(self, number: int) -> tuple[str, int]:
        """Wait until that draft is stored; its id and timestamp in milliseconds. Raises RuntimeError if refused."""

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Ask the plugin and wait for the JSON value it answers. Raises RuntimeError with the reason if it refused."""

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        """Report a display, progress or log event without waiting."""


@dataclass(slots=True)
class Context:
    """What a script's calls need to know of their run."""

    channel: Channel
    handler: str = ""
    glyph_id: str = ""
    upstream: Any = None
    script_name: str = ""
    source: str = ""
    """The script itself; what `publish_as_ingest(name)` publishes."""
    to_bundle: Callable[[Any], Mapping[str, Any]] | None = None
    """How `display` turns a value into a MIME bundle; without one, by the value's own `_repr_*_` methods."""
    repeated: dict[tuple[tuple[str, ...], ...], str] = field(default_factory=dict, repr=False)
    """What this run's claims have in common, as JSON (script/drafts.py)."""


_current: Context | None = None


def enter(context: Context) -> None:
    """Make this the run that the script API serves. A process runs one at a time."""
    global _current
    _current = context


def leave() -> None:
    global _current
    _current = None


def current(call: str) -> Context:
    """The run under way; outside of one, a RuntimeError that names the call."""
    if _current is None:
        raise RuntimeError(
            f"{call}: nothing is running here; call it from a script that QNTX runs, or see qntx.testing"
        )
    return _current


def upstream() -> Any:
    """What fired the run under way; None where nothing did, or nothing runs."""
    return None if _current is None else _current.upstream
