from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qntx.host.store.terms import matches
from qntx.host.watchers.matching import Index
from qntx.model.attestation import Attestation, Filter
from qntx.model.watcher import Action, Watcher


def watcher(name: str, wanted: Filter, **fields: object) -> Watcher:
    return Watcher(name, name, wanted, Action.WEBHOOK, "http://127.0.0.1:1", **fields)  # type: ignore[arg-type]


def claim(timestamp_ms: int = 0, **terms: tuple[str, ...]) -> Attestation:
    fields = {"subjects": (), "predicates": (), "contexts": (), "actors": ()} | terms
    return Attestation(id="AS-1", timestamp_ms=timestamp_ms, created_at_ms=0, **fields)


def fired(watchers: list[Watcher], arrived: Attestation) -> list[str]:
    return [one.id for one in Index(watchers).fired(arrived)]


def test_a_watcher_fires_for_any_term_of_a_field_and_every_field_it_names() -> None:
    watchers = [
        watcher("any-of-two", Filter(predicates=("sequence:new", "sequence:changed"))),
        watcher("both-fields", Filter(predicates=("sequence:new",), contexts=("lab",))),
        watcher("other-context", Filter(predicates=("sequence:new",), contexts=("field",))),
        watcher("actor", Filter(actors=("glyph:7",))),
    ]

    arrived = claim(subjects=("a",), predicates=("x", "Sequence:NEW"), contexts=("LAB",), actors=("glyph:7",))

    assert fired(watchers, arrived) == ["any-of-two", "both-fields", "actor"]
    assert fired(watchers, claim(predicates=("sequence:new",))) == ["any-of-two"]


def test_a_watcher_that_shares_several_terms_fires_once() -> None:
    assert fired([watcher("w", Filter(subjects=("a", "b")))], claim(subjects=("a", "B"))) == ["w"]


def test_time_bounds_alone_are_a_filter() -> None:
    watchers = [watcher("w", Filter(since_ms=10, until_ms=20))]

    assert [fired(watchers, claim(at)) for at in (9, 10, 20, 21)] == [[], ["w"], ["w"], []]


def test_a_rate_of_zero_and_a_disabled_watcher_never_fire() -> None:
    watchers = [
        watcher("never", Filter(subjects=("a",)), max_fires_per_second=0),
        watcher("off", Filter(subjects=("a",)), enabled=False),
    ]

    assert fired(watchers, claim(subjects=("a",))) == []


words = st.lists(st.sampled_from(["a", "A", "b", "c", "ä", "Ä"]), max_size=3).map(tuple)
times = st.none() | st.integers(0, 3)
filters = st.builds(Filter, words, words, words, words, times, times)


@given(st.lists(filters, max_size=8), words, words, words, words, st.integers(0, 3))
def test_the_index_finds_exactly_what_comparing_each_would(
    wanted: list[Filter], subjects: tuple[str, ...], predicates: tuple[str, ...], contexts: tuple[str, ...],
    actors: tuple[str, ...], at: int,
) -> None:  # fmt: skip
    watchers = [watcher(str(number), one) for number, one in enumerate(wanted)]
    arrived = claim(at, subjects=subjects, predicates=predicates, contexts=contexts, actors=actors)

    assert fired(watchers, arrived) == [one.id for one in watchers if matches(one.wanted, arrived)]


def test_a_common_term_does_not_make_every_watcher_a_candidate() -> None:
    common = [watcher(str(n), Filter(predicates=("new",), subjects=(f"s{n}",))) for n in range(100)]
    index = Index(common)

    assert [one.id for one in index.fired(claim(subjects=("s7",), predicates=("new",)))] == ["7"]
    assert all(len(entries) == 1 for by_term in index._by_term for entries in by_term.values())
