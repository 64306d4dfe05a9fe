"""The one format both ends of a worker's line speak."""

from __future__ import annotations

import struct

import pytest

from qntx.worker import frames
from qntx.worker.frames import Decoder, Garbled, frame

SENT = [(frames.READY, b""), (frames.NOTES, b'{"a":1}\n{"b":2}'), (frames.RESULT, bytes(300))]
STREAM = b"".join(frame(kind, payload) for kind, payload in SENT)


@pytest.mark.parametrize("cut", range(0, len(STREAM) + 1, 7))
def test_a_stream_cut_anywhere_decodes_the_same(cut):
    decoder = Decoder()

    assert decoder.feed(STREAM[:cut]) + decoder.feed(STREAM[cut:]) == SENT


def test_a_length_past_the_cap_is_refused_before_anything_is_kept_for_it():
    with pytest.raises(Garbled, match="4294967295 bytes"):
        Decoder().feed(struct.pack("<IB", 0xFFFFFFFF, frames.RESULT))


def test_a_kind_that_there_is_not_is_refused():
    with pytest.raises(Garbled, match="kind 99"):
        Decoder().feed(struct.pack("<IB", 0, 99))
