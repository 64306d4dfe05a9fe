"""A measurement: what was taken, and how to take several side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report."""

    name: str
    value: float
    """The median."""
    unit: str
    p99: float | None = None
    to: str = ""
    """The row that this one is held against; the report shows the ratio of the values."""
    note: str = ""


def row(name: str, samples: Sequence[float], unit: str, *, to: str = "", note: str = "") -> Row:
    """The samples' median, and their 99th percentile where there are enough of them to have one."""
    p99 = statistics.quantiles(samples, n=100)[98] if len(samples) >= 100 else None
    return Row(name, statistics.median(samples), unit, p99, to, note)


def against(taken: Row, figure: float, aim: float, *, at_least: bool = False) -> Row:
    """The row with its aim in the note, and whether it was met."""
    met = figure >= aim if at_least else figure <= aim
    said = f"{figure:,.4g}, aim {'≥' if at_least else '≤'} {aim:,g}: {'met' if met else 'missed'}"
    return replace(taken, note=f"{taken.note}; {said}" if taken.note else said)


async def interleaved(
    subjects: Mapping[str, Callable[[], Awaitable[object]]], rounds: int, warm_up: int = 5
) -> dict[str, list[float]]:
    """Milliseconds of each subject, one call of each in turn, so that whatever else the machine does meets them all."""
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(warm_up + rounds):
        for name, call in subjects.items():
            started = time.perf_counter()
            await call()
            if number >= warm_up:
                taken[name].append((time.perf_counter() - started) * 1000)
    return taken
