from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qntx.model.identity import ALPHABET, asid, is_asid, segment

SEVENS = bytes([5] * 8)


@pytest.mark.parametrize(
    ("term", "shown"),
    [
        ("alice", "ALICE"),
        ("Müller", "MULER"),
        ("Straße", "STRASE"),
        ("Ægir", "AEGIR"),
        ("œuvre", "OEUVRE"),
        ("  hello!! ", "HELO"),
        ("aaBBcc", "ABC"),
        ("aA", "A"),
        ("007Bond", "BOND"),
        ("42", ""),
        ("!!!", ""),
        ("_", ""),
        ("", ""),
        ("日本", ""),
        ("j1h0n", "JIHON"),
        ("o0", "OO"),
        ("author_of_many", "AUTHOROF"),
        ("ﬁne", "FINE"),
        ("①x", "X"),
    ],
)
def test_a_segment_shows_what_the_term_is(term: str, shown: str) -> None:
    assert segment(term) == shown


def test_an_id_is_its_segments_and_eight_random_characters() -> None:
    assert asid("AS", "Sarah", "author", "GitHub", SEVENS) == "AS-SARAH-AUTHOR-GITHUB-77777777"
    assert asid("JB", "_", "_", "_", bytes(8)) == "JB----22222222"
    assert asid("AS", "a", "b", "c", bytes([33, 34, 67, 68, 255, 0, 1, 2])) == "AS-A-B-C-Z2Z2J234"


def test_too_little_randomness_is_refused() -> None:
    with pytest.raises(ValueError, match="7 random bytes"):
        asid("AS", "a", "b", "c", bytes(7))


@given(st.text(), st.text(), st.text(), st.binary(min_size=8, max_size=12))
def test_every_id_has_the_documented_form(subject: str, predicate: str, context: str, random: bytes) -> None:
    made = asid("AS", subject, predicate, context, random)

    assert is_asid(made)
    assert set(made[-8:]) <= set(ALPHABET)


@pytest.mark.parametrize(
    "text",
    ["", "AS", "AS-A-B-C-1234567", "AS-A-B-C-12345678", "as-A-B-C-22345678", "JB-A-B-C-22345678", "AS-A-B-22345678"],
)
def test_other_texts_are_no_ids(text: str) -> None:
    assert not is_asid(text)
