"""What a failure has to do with the limits of its run, in words for whoever wrote the code.

The kernel says no more than "permission denied". Pure.
"""

from __future__ import annotations

import re

from qntx.model.execution import Limits, Outcome

# A file's error names the file after a colon; a socket's names nothing.
_NO_CONNECTION = re.compile(r"\[Errno 13\] (Permission denied(?!:)|Connect call failed)")


def advice(outcome: Outcome, error: str, limits: Limits) -> str:
    """A line to append to the error; empty where the limits have nothing to do with it."""
    if outcome is Outcome.OUT_OF_MEMORY:
        return f"The run may use {limits.memory_mib} MiB.\n"
    if outcome is Outcome.RAISED and _NO_CONNECTION.search(error):
        return _about_network(limits)
    return ""


def _about_network(limits: Limits) -> str:
    if not limits.network:
        return "The run has no network: `network` of the variant's limits grants it, as do an ingest script's needs.\n"
    ports = ", ".join(map(str, limits.network_ports)) or "none"
    return f"The run may connect to these TCP ports: {ports}. They are `network_ports` of the variant's limits.\n"
