"""What a script may call: attestations, handlers, schedules, results, a cluster."""

from __future__ import annotations

from typing import Any

from qntx.script.attestations import attest, attest_many, attestations, last
from qntx.script.compute import dask_client
from qntx.script.context import Context
from qntx.script.decorators import handler, watch
from qntx.script.display import display, log, progress
from qntx.script.fetching import fetch
from qntx.script.ingest import get_ingest_script, list_ingest_scripts, publish_as_ingest
from qntx.script.jobs import enqueue
from qntx.script.records import as_upstream
from qntx.script.schedules import delete_schedule, pause_schedule, resume_schedule, schedule

FUNCTIONS: dict[str, Any] = {
    function.__name__: function
    for function in (
        attest,
        attest_many,
        attestations,
        last,
        fetch,
        schedule,
        pause_schedule,
        resume_schedule,
        delete_schedule,
        enqueue,
        publish_as_ingest,
        get_ingest_script,
        list_ingest_scripts,
        progress,
        log,
        display,
        dask_client,
        handler,
        watch,
    )
}
"""What is the same in every run. Each finds its run when it is called, so it works from any thread."""


def injected(context: Context) -> dict[str, Any]:
    """The names a script finds in its globals: the functions, and `upstream`, also called `attestation`."""
    upstream = as_upstream(context.upstream)
    return {**FUNCTIONS, "upstream": upstream, "attestation": upstream}
