"""Which of the numbered runs have their record: the bookkeeping of completeness.

Every run is given the next number of its ledger before it starts, and its record carries that number, how many the
ledger had started by then, and how many records of runs the chain held. So a number without a record is a run that
nobody answered for, and the chain itself says that it should be there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


class Numbers:
    """A set of numbers as its intervals, small while the gaps are few, however many numbers there are."""

    __slots__ = ("_starts", "_stops")

    def __init__(self, intervals: Collection[tuple[int, int]] = ()) -> None:
        self._starts = [start for start, _ in intervals]
        self._stops = [stop for _, stop in intervals]

    def add(self, number: int) -> bool:
        """False where it was there."""
        after = bisect_right(self._starts, number)
        if after and number < self._stops[after - 1]:
            return False
        joins_left = after > 0 and self._stops[after - 1] == number
        joins_right = after < len(self._starts) and self._starts[after] == number + 1
        if joins_left and joins_right:
            self._stops[after - 1] = self._stops.pop(after)
            self._starts.pop(after)
        elif joins_left:
            self._stops[after - 1] = number + 1
        elif joins_right:
            self._starts[after] = number
        else:
            self._starts.insert(after, number)
            self._stops.insert(after, number + 1)
        return True

    def __contains__(self, number: int) -> bool:
        after = bisect_right(self._starts, number)
        return bool(after) and number < self._stops[after - 1]

    def intervals(self) -> list[tuple[int, int]]:
        """Half open, ascending."""
        return list(zip(self._starts, self._stops, strict=True))

    def missing(self, last: int) -> list[tuple[int, int]]:
        """The intervals of 1..last that are not there."""
        gaps, at = [], 1
        for start, stop in self.intervals():
            if start > at:
                gaps.append((at, start))
            at = max(at, stop)
        return [*gaps, (at, last + 1)] if at <= last else gaps


@dataclass(slots=True)
class Ledger:
    numbers: Numbers = field(default_factory=Numbers)
    started: int = 0


@dataclass(slots=True)
class Runs:
    """What the records walked so far say about runs."""

    sealed: int = 0
    failed: int = 0
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    fault: str = ""

    @property
    def started(self) -> int:
        return sum(ledger.started for ledger in self.ledgers.values())

    def take(self, run: Mapping[str, Any], unsuccessful: bool) -> None:
        """One record of a run, by what is sealed in it under the run's key."""
        try:
            name, number, started = str(run["ledger"]), int(run["number"]), int(run["started"])
            sealed, failed = int(run["counts"]["sealed"]), int(run["counts"]["failed"])
        except (KeyError, TypeError, ValueError) as error:
            self.fault = self.fault or f"a run's record does not say which run it is of: {error!r}"
            return
        self.sealed += 1
        ledger = self.ledgers.setdefault(name, Ledger())
        if not ledger.numbers.add(number):
            self.fault = self.fault or f"run {number} has two records"
        ledger.started = max(ledger.started, number, started)
        self.failed += unsuccessful
        if (sealed, failed) != (self.sealed, self.failed):
            self.fault = self.fault or (
                f"the record of run {number} counts {sealed} runs of which {failed} failed; "
                f"there are {self.sealed} of which {self.failed} failed"
            )

    def seen(self) -> dict[str, int]:
        """How many runs each ledger had started, by what the records say."""
        return {name: ledger.started for name, ledger in self.ledgers.items()}

    def running(self, open_runs: Mapping[str, Collection[int]]) -> int:
        """How many of these have no record yet."""
        return sum(
            number not in self.ledgers.get(name, Ledger()).numbers
            for name, open_ in open_runs.items()
            for number in open_
        )

    def missing(self, started: Mapping[str, int], open_runs: Mapping[str, Collection[int]]) -> str:
        """What is unaccounted for, in words, or nothing. `started` is how many of each ledger, `open_runs` go on."""
        if self.fault:
            return self.fault
        lost, some = 0, []
        for name, last in sorted(started.items()):
            waiting = set(open_runs.get(name, ()))
            for start, stop in self.ledgers.get(name, Ledger()).numbers.missing(last):
                lost += stop - start - sum(start <= number < stop for number in waiting)
                some += [number for number in range(start, min(stop, start + 99)) if number not in waiting][:5]
        if not lost:
            return ""
        return f"{lost} runs were started and have no record, such as {', '.join(map(str, some[:5]))}"

    def dump(self) -> dict[str, Any]:
        ledgers = {name: [kept.started, kept.numbers.intervals()] for name, kept in self.ledgers.items()}
        return {"sealed": self.sealed, "failed": self.failed, "fault": self.fault, "ledgers": ledgers}

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> Runs:
        ledgers = {
            name: Ledger(Numbers([(start, stop) for start, stop in intervals]), started)
            for name, (started, intervals) in kept["ledgers"].items()
        }
        return cls(kept["sealed"], kept["failed"], ledgers, kept["fault"])
