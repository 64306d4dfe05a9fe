"""Any bytes at all, as a worker that hostile code has taken over may send them."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from qntx.worker.frames import HEADER, KINDS, Decoder, Garbled, frame

FRAMES = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.binary(max_size=64)), max_size=8)
CUTS = st.lists(st.integers(0, 600), max_size=6)


def fed(stream: bytes, cuts: list[int]) -> list[tuple[int, bytes]] | None:
    """What comes of the stream, arriving in these pieces; None where it is garbled."""
    decoder = Decoder(payload_bytes_max=1024)
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    found = []
    try:
        for start, stop in itertools.pairwise(edges):
            found += decoder.feed(stream[start:stop])
    except Garbled:
        return None
    return found


@given(FRAMES, CUTS)
def test_frames_cut_anywhere_are_the_same_frames(frames, cuts):
    stream = b"".join(frame(kind, payload) for kind, payload in frames)

    assert fed(stream, cuts) == frames


@given(
    st.binary(max_size=400)
    | st.builds(lambda frames, rest: b"".join(frame(*f) for f in frames) + rest, FRAMES, st.binary(max_size=64)),
    CUTS,
)
def test_whatever_arrives_it_is_frames_or_garbled(stream, cuts):
    found = fed(stream, [])
    in_pieces = fed(stream, cuts)

    assert in_pieces == found
    for kind, payload in found or []:
        assert kind in KINDS
        assert frame(kind, payload) in stream


@given(st.integers(1025, 2**32 - 1), st.integers(0, 255))
def test_a_length_past_the_bound_is_refused_before_it_is_waited_for(length, kind):
    assert fed(HEADER.pack(length, kind), []) is None
