"""Which watchers does this attestation fire?

Pure. Each watcher stands under the terms of one of its fields, the one whose terms fewest other watchers ask for. An
attestation then meets only watchers that share a rare term with it, however many there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from qntx.host.store.terms import FIELDS, fold
from qntx.model.attestation import Attestation, Filter
from qntx.model.watcher import Watcher

Terms = tuple[frozenset[str], ...]
"""The folded terms of each field, in the order of FIELDS."""


@dataclass(frozen=True, slots=True)
class _Entry:
    order: int
    watcher: Watcher
    wanted: tuple[tuple[int, frozenset[str]], ...]
    """The fields it asks for, by their place, beside the one it stands under."""
    timed: bool


class Index:
    """Of the watchers that fire at all."""

    def __init__(self, watchers: Iterable[Watcher]) -> None:
        firing = [(watcher, _terms(watcher.wanted)) for watcher in watchers if watcher.fires]
        asked = Counter((place, term) for _, fields in firing for place, terms in enumerate(fields) for term in terms)
        self._by_term: tuple[dict[str, list[_Entry]], ...] = tuple({} for _ in FIELDS)
        self._of_any_term: list[_Entry] = []
        for order, (watcher, fields) in enumerate(firing):
            self._place(order, watcher, fields, asked)

    def fired(self, claim: Attestation) -> list[Watcher]:
        """The watchers it matches, in the order they were given."""
        there = _terms(claim)
        found = {entry.order: entry for entry in self._of_any_term if _matches(entry, there, claim)}
        for by_term, terms in zip(self._by_term, there, strict=True):
            for term in terms:
                for entry in by_term.get(term, ()):
                    if _matches(entry, there, claim):
                        found[entry.order] = entry
        return [found[order].watcher for order in sorted(found)]

    def _place(self, order: int, watcher: Watcher, fields: Terms, asked: Counter[tuple[int, str]]) -> None:
        named = [place for place, terms in enumerate(fields) if terms]
        under = min(named, key=lambda place: sum(asked[place, term] for term in fields[place]), default=None)
        timed = watcher.wanted.since_ms is not None or watcher.wanted.until_ms is not None
        entry = _Entry(order, watcher, tuple((place, fields[place]) for place in named if place != under), timed)
        if under is None:
            self._of_any_term.append(entry)
            return
        for term in fields[under]:
            self._by_term[under].setdefault(term, []).append(entry)


def _terms(claim: Attestation | Filter) -> Terms:
    fields = (claim.subjects, claim.predicates, claim.contexts, claim.actors)
    return tuple(frozenset(map(fold, terms)) for terms in fields)


def _matches(entry: _Entry, there: Terms, claim: Attestation) -> bool:
    """It shares a term already: that of the bucket it was found in."""
    for place, terms in entry.wanted:
        if terms.isdisjoint(there[place]):
            return False
    if not entry.timed:
        return True
    wanted = entry.watcher.wanted
    return (wanted.since_ms is None or claim.timestamp_ms >= wanted.since_ms) and (
        wanted.until_ms is None or claim.timestamp_ms <= wanted.until_ms
    )
