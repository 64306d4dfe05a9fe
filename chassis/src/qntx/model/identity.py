"""The names attestations, jobs and executions are known by, as QNTX forms them.

`AS-SARAH-AUTHOR-GITHUB-7K4M3B9X`: a prefix for the kind, what it is about in readable form, eight random characters.
Pure: the caller brings the randomness.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

ALPHABET = "23456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""No 0 and no 1: they look like O and I, and are written so."""

RANDOM_BYTES = 8
SEGMENT_CHARACTERS_MAX = 8

_SUFFIX = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_FORM = re.compile(r"[A-Z]{2}(?:-[2-9A-Z]{0,8}){3}-[2-9A-Z]{8}")
_LIGATURES = str.maketrans({"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE"})
_OUTSIDE = re.compile(r"[^0-9A-Z]+")
_REPEATED = re.compile(r"(.)\1+")
_LOOKALIKES = str.maketrans("01", "OI")


def asid(prefix: str, subject: str, predicate: str, context: str, random: bytes) -> str:
    """The id for those first terms and at least eight random bytes. Prefixes: AS attestation, JB job, PX execution."""
    if len(random) < RANDOM_BYTES:
        raise ValueError(f"{len(random)} random bytes; an id takes {RANDOM_BYTES}")
    suffix = random[:RANDOM_BYTES].translate(_SUFFIX).decode()
    return f"{prefix}-{segment(subject)}-{segment(predicate)}-{segment(context)}-{suffix}"


def is_asid(text: str, prefix: str = "AS") -> bool:
    """Whether the text has the form of such an id."""
    return text.startswith(prefix + "-") and _FORM.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def segment(term: str) -> str:
    """What an id shows of a term; may be empty.

    ASCII letters and digits in upper case, repeats collapsed, leading digits dropped, lookalikes replaced.
    """
    plain = unicodedata.normalize("NFKD", term.translate(_LIGATURES)).upper()
    collapsed = _REPEATED.sub(r"\1", _OUTSIDE.sub("", plain))
    return collapsed.lstrip("0123456789").translate(_LOOKALIKES)[:SEGMENT_CHARACTERS_MAX]
