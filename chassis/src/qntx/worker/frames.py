"""Frames: what goes over the line between a worker and its engine.

A frame is a length, a kind and a payload. The engine takes every frame for one that hostile code wrote: a length past
the cap and a kind it does not know end the run.

    READY     worker to engine    it may be given a run
    RUN       engine to worker    JSON: what to run
    RESULT    worker to engine    length of the head, the head as JSON, the result as JSON
    NOTES     worker to engine    drafts of attestations, one JSON object a line
    WANT      worker to engine    JSON: the number of a draft whose id is wanted
    STORED    engine to worker    JSON: first number, a list of id and timestamp
    REFUSED   engine to worker    JSON: first number, how many, why
    CALL      worker to engine    JSON: number, name, arguments
    RETURN    engine to worker    JSON: number, value or error
    TELL      worker to engine    JSON: kind, data
    INSPECT   engine to worker    nothing; asks a session for its variables
    VARIABLES worker to engine    JSON: a list of name, type and repr
    REHEARSE  engine to worker    nothing; it is the next to be given a run, and answers READY when it is warm
"""

from __future__ import annotations

import struct

HEADER = struct.Struct("<IB")
LENGTH = struct.Struct("<I")
PAYLOAD_BYTES_MAX = 64 * 1024 * 1024
MESSAGE_BYTES_MAX = 1 << 17
"""Of a message between engine and zygote, who use no frames: their socket keeps messages apart."""

READY, RUN, RESULT, NOTES, WANT, STORED, REFUSED, CALL, RETURN, TELL, INSPECT, VARIABLES, REHEARSE = range(13)
KINDS = frozenset(range(13))


class Garbled(Exception):
    """What came over the line is not a frame."""


def frame(kind: int, payload: bytes = b"") -> bytes:
    return HEADER.pack(len(payload), kind) + payload


class Decoder:
    """Turns what arrives, cut anywhere, back into frames."""

    def __init__(self, payload_bytes_max: int = PAYLOAD_BYTES_MAX) -> None:
        self._buffer = bytearray()
        self._payload_bytes_max = payload_bytes_max

    @property
    def unfinished(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames that are now complete."""
        self._buffer += data
        frames: list[tuple[int, bytes]] = []
        position = 0
        while len(self._buffer) - position >= HEADER.size:
            length, kind = HEADER.unpack_from(self._buffer, position)
            if length > self._payload_bytes_max:
                raise Garbled(f"a frame of {length} bytes; at most {self._payload_bytes_max} are taken")
            if kind not in KINDS:
                raise Garbled(f"a frame of unknown kind {kind}")
            end = position + HEADER.size + length
            if len(self._buffer) < end:
                break
            frames.append((kind, bytes(self._buffer[position + HEADER.size : end])))
            position = end
        del self._buffer[:position]
        return frames
