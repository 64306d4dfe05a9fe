"""Which function of a script runs for what."""

import pytest

from qntx.errors import InvalidRequest, NotFound
from qntx.model.declaration import Watch
from qntx.script.declarations import read
from qntx.script.triggers import arguments, chosen, matches

BOTH = '@watch("new", context="lab")\ndef count(upstream): ...\n@schedule(every=60)\ndef tick(): ...\n'
TWO = '@watch("new", context="lab")\ndef a(u): ...\n@watch("old", context="lab")\ndef b(u): ...\n'
BY_HAND = BOTH + '@handler("now")\ndef by_hand(): ...\n'


def fired(predicate, context="lab"):
    return {"subjects": ["s"], "predicates": [predicate], "contexts": [context]}


@pytest.mark.parametrize(
    ("code", "upstream", "function", "expected"),
    [
        ("x = 1", None, "", None),
        ("def main(): ...", None, "", "main"),
        ("def main(): ...", fired("new"), "", "main"),
        ("def main(): ...\n" + BOTH, None, "", "tick"),
        (BOTH, fired("new"), "", "count"),
        (BOTH, fired("NEW", "LAB"), "", "count"),
        (BOTH, None, "", "tick"),
        (BOTH, {}, "", "tick"),
        (BOTH, {"since": "2026-01-01"}, "", "tick"),
        (BOTH, None, "count", "count"),
        (BOTH, fired("new"), "tick", "tick"),
        (BOTH, {"predicates": None}, "", "count"),
        (BY_HAND, fired("new"), "", "count"),
        (BY_HAND, fired("other"), "", "by_hand"),
        (BY_HAND, None, "", "by_hand"),
        (BY_HAND, None, "now", "by_hand"),
        (TWO, fired("old"), "", "b"),
        (TWO, None, "", "a"),
        ('@watch("p")\ndef f(u): ...', fired("other"), "", "f"),
        ('@watch("p")\ndef f(u): ...', fired("p", "anywhere"), "", "f"),
        ('@watch("p")\ndef f(u): ...', ["any", "payload"], "", "f"),
    ],
)
def test_each_function_runs_under_its_own_trigger(code, upstream, function, expected):
    found = chosen(read(code), upstream, function)

    assert (found.name if found else None) == expected


def test_an_attestation_that_none_of_several_watches_wants_runs_none_of_them():
    with pytest.raises(InvalidRequest, match="matches no @watch of this handler; name one of its functions: a, b"):
        chosen(read(TWO), fired("other"))


def test_a_function_that_is_not_declared_is_named():
    with pytest.raises(NotFound, match=r"declares no function 'nope' \(it declares: count, tick\)"):
        chosen(read(BOTH), None, "nope")


@pytest.mark.parametrize(
    ("code", "upstream", "expected"),
    [
        ("@watch('p')\ndef f(u): ...", "U", ("U",)),
        ("@watch('p')\ndef f(u): ...", None, (None,)),
        ("@watch('p')\ndef f(): ...", "U", ()),
        ("@schedule(every=1)\ndef f(): ...", None, ()),
        ("@schedule(every=1)\ndef f(x=3): ...", None, ()),
        ("@schedule(every=1)\ndef f(x): ...", None, (None,)),
        ("@handler\ndef f(x=None): ...", {"a": 1}, ({"a": 1},)),
        ("def main(): ...", {"a": 1}, ()),
        ("def main(upstream): ...", {"a": 1}, ({"a": 1},)),
    ],
)
def test_a_function_is_given_what_it_takes(code, upstream, expected):
    declared = read(code)

    assert arguments(chosen(declared, upstream), upstream) == expected


@pytest.mark.parametrize(
    ("attestation", "expected"),
    [
        ({"predicates": ["P"], "contexts": ["C"]}, True),
        ({"predicates": ["x", "q"], "contexts": ["y", "c"]}, True),
        ({"predicates": ["p"], "contexts": []}, False),
        ({"predicates": ["p"], "contexts": None}, False),
        ({"contexts": ["c"]}, False),
        ({"predicates": ["P"], "contexts": ["Ç"]}, False),
    ],
)
def test_a_watch_matches_as_watchers_of_the_host_do(attestation, expected):
    assert matches(Watch(("p", "q"), ("c",)), attestation) is expected
