"""Which watchers does this attestation fire?

Pure. Each watcher stands under the terms of one of its fields, the one whose terms fewest other watchers ask for. An
attestation then meets only watchers that share a rare term with it, however many there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from qntx.host.store.terms import FIELDS, Term, fold
from qntx.model.attestation import Attestation
from qntx.model.watcher import Watcher

Terms = dict[str, frozenset[str]]
"""The folded terms of each field that has any."""


@dataclass(frozen=True, slots=True)
class _Entry:
    order: int
    watcher: Watcher
    wanted: tuple[tuple[str, frozenset[str]], ...]


class Index:
    """Of the watchers that fire at all."""

    def __init__(self, watchers: Iterable[Watcher]) -> None:
        entries = [
            _Entry(order, watcher, tuple(_terms(watcher.wanted).items()))
            for order, watcher in enumerate(watcher for watcher in watchers if watcher.fires)
        ]
        asked = Counter((field, term) for entry in entries for field, terms in entry.wanted for term in terms)
        self._by_term: dict[Term, list[_Entry]] = {}
        self._of_any_term: list[_Entry] = []
        for entry in entries:
            self._place(entry, asked)

    def fired(self, claim: Attestation) -> list[Watcher]:
        """The watchers it matches, in the order they were given."""
        there = _terms(claim)
        found = {entry.order: entry for entry in self._of_any_term}
        for field, terms in there.items():
            for term in terms:
                for entry in self._by_term.get((field, term), ()):
                    found[entry.order] = entry
        return [found[order].watcher for order in sorted(found) if _matches(found[order], there, claim.timestamp_ms)]

    def _place(self, entry: _Entry, asked: Counter[Term]) -> None:
        if not entry.wanted:
            self._of_any_term.append(entry)
            return
        field, terms = min(entry.wanted, key=lambda one: sum(asked[one[0], term] for term in one[1]))
        for term in terms:
            self._by_term.setdefault((field, term), []).append(entry)


def _terms(claim: object) -> Terms:
    by_field = ((field, getattr(claim, field)) for field in FIELDS)
    return {field: frozenset(map(fold, terms)) for field, terms in by_field if terms}


def _matches(entry: _Entry, there: Terms, timestamp_ms: int) -> bool:
    wanted = entry.watcher.wanted
    if wanted.since_ms is not None and timestamp_ms < wanted.since_ms:
        return False
    if wanted.until_ms is not None and timestamp_ms > wanted.until_ms:
        return False
    return all(field in there and not terms.isdisjoint(there[field]) for field, terms in entry.wanted)
