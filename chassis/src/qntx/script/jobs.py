"""enqueue(): a handler's run as a job of its own."""

from __future__ import annotations

from typing import Any, cast

from qntx.script.arguments import named, value
from qntx.script.calls import ask


def enqueue(handler: str, payload: Any = None, *, source: str = "") -> str:
    """Have a handler run once, soon, with this payload as its `upstream`; returns the job's id.

    `handler` is a handler of this plugin (`"vacancies"`) or of any (`"data/data.vacancies"`). Jobs of one handler and
    one `source` that are waiting or running are the same job.
    """
    name = named("enqueue", "handler", handler)
    return cast(str, ask("enqueue", handler=name, payload=value("enqueue", "payload", payload), source=source))
