"""What a Python script may call inside QNTX; standard library only.

The same names are in a script's globals already; importing them tells editors and type checkers what they are:

    from qntx import attest, watch

    @watch("sequence:new", context="lab")
    def count(upstream):
        attest(upstream.subjects, ["sequence:counted"], attributes={"length": len(upstream.attributes.sequence)})
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qntx.script import context
from qntx.script.attestations import attest, attest_many, attestations, last
from qntx.script.compute import dask_client
from qntx.script.decorators import handler, watch
from qntx.script.display import display, log, progress
from qntx.script.fetching import fetch
from qntx.script.ingest import get_ingest_script, list_ingest_scripts, publish_as_ingest
from qntx.script.jobs import enqueue
from qntx.script.records import Record, as_upstream
from qntx.script.schedules import delete_schedule, pause_schedule, resume_schedule, schedule

if TYPE_CHECKING:
    upstream: Record | None
    """The attestation that fired this run, or None."""
    attestation: Record | None
    """The same, as watcher actions call it."""

__version__ = "0.1.0"
__all__ = [
    "attest",
    "attest_many",
    "attestation",
    "attestations",
    "dask_client",
    "delete_schedule",
    "display",
    "enqueue",
    "fetch",
    "get_ingest_script",
    "handler",
    "last",
    "list_ingest_scripts",
    "log",
    "pause_schedule",
    "progress",
    "publish_as_ingest",
    "resume_schedule",
    "schedule",
    "upstream",
    "watch",
]


def __getattr__(name: str) -> Any:
    """`upstream` and `attestation` belong to the run, so they are looked up when asked for."""
    if name in ("upstream", "attestation"):
        return as_upstream(context.upstream())
    raise AttributeError(f"module 'qntx' has no attribute {name!r}")
