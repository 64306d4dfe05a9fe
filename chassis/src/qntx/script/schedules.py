"""Schedules: @schedule on a function, and schedule() for a handler that exists already.

One name serves both, as the word does. With a handler's name it acts, at once: `schedule("vacancies", every="1h")`.
With nothing but a period it is a decorator, and only records: `@schedule(every="1h")`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast, overload

from qntx.script.arguments import named, value
from qntx.script.calls import ask
from qntx.script.decorators import Decorated, scheduled
from qntx.script.durations import whole_seconds

Period = int | float | str | timedelta


@overload
def schedule(handler: str, /, *, every: Period, payload: Any = None, description: str | None = None) -> str: ...
@overload
def schedule(*, every: Period, description: str | None = None) -> Callable[[Decorated], Decorated]: ...
@overload
def schedule(every: Period, /, *, description: str | None = None) -> Callable[[Decorated], Decorated]: ...
def schedule(handler: Any = None, /, *, every: Any = None, payload: Any = None, description: str | None = None) -> Any:
    """Run the decorated function every so often, or have a handler run every so often.

    `@schedule(every="5m")` above a function records that; seconds, a timedelta and texts such as "30s", "5m", "1h30m"
    and "2d" are periods. `schedule("vacancies", every="5m", payload={…})` creates a schedule now, for a handler of this
    plugin or of any (`"data/data.vacancies"`), and returns its id for pause_schedule, resume_schedule, delete_schedule.
    """
    if every is None:
        return scheduled(handler, description)
    if handler is None:
        return scheduled(every, description)
    name, sent = named("schedule", "handler", handler), value("schedule", "payload", payload)
    try:
        seconds = whole_seconds(every)
    except ValueError as fault:
        raise ValueError(f"schedule: {fault}") from None
    return cast(str, ask("schedule", handler=name, every_seconds=seconds, payload=sent, description=description or ""))


def pause_schedule(schedule_id: str) -> None:
    """Let no more runs start until resume_schedule()."""
    ask("pause_schedule", schedule_id=schedule_id)


def resume_schedule(schedule_id: str) -> None:
    """Go on with a paused schedule."""
    ask("resume_schedule", schedule_id=schedule_id)


def delete_schedule(schedule_id: str) -> None:
    """End a schedule for good."""
    ask("delete_schedule", schedule_id=schedule_id)
