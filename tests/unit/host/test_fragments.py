"""What is too long for one notice: cut so that each fits, and joined only where all of it has come."""

from __future__ import annotations

import json

from qntx.host.fragments import FRAGMENT, FRAGMENTS_MAX, NOTICE_BYTES_MAX, TEXT_CHARACTERS_MAX, Joined, fragments

LONG = json.dumps({"said": 'line\n"quoted" and \\ — ünï\x00' * 1000})


def test_each_fragment_fits_a_notice_whatever_the_text_is() -> None:
    worst = '"' * TEXT_CHARACTERS_MAX * FRAGMENTS_MAX

    for fragment in fragments(worst):
        notice = {"from": "0" * 32, "kind": FRAGMENT, "data": fragment}
        assert len(json.dumps(notice).encode()) <= NOTICE_BYTES_MAX


def test_all_fragments_make_the_text_again_whoever_else_tells_something_between() -> None:
    joined = Joined()

    heard = [
        (joined.add("a", ours), joined.add("b", theirs))
        for ours, theirs in zip(fragments(LONG), fragments(LONG.upper()), strict=True)
    ]

    assert len(heard) > 2
    assert heard == [("", "")] * (len(heard) - 1) + [(LONG, LONG.upper())]


def test_what_lacks_a_fragment_is_dropped_and_the_next_is_heard() -> None:
    whole = fragments(LONG)
    for lost in range(len(whole)):
        joined = Joined()

        assert not any(joined.add("a", each) for each in whole if each["number"] != lost)
        assert [joined.add("a", each) for each in fragments(LONG)][-1] == LONG


def test_the_end_of_one_is_not_joined_to_the_beginning_of_another() -> None:
    first, second, joined = fragments(LONG), fragments(LONG), Joined()

    assert not any(joined.add("a", each) for each in [*first[:2], *second[2:]])


def test_what_is_far_too_long_is_not_told() -> None:
    assert fragments("x" * (TEXT_CHARACTERS_MAX * FRAGMENTS_MAX + 1)) == []
