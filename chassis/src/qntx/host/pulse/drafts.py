"""What may a job or a schedule say of itself?

Pure. What is refused here would be kept, and then be in everybody's way: in an index of PostgreSQL's, in the name of a
delivery, in a list that is to be written as JSON.
"""

from __future__ import annotations

import math
import re

from qntx.errors import InvalidRequest
from qntx.model.job import JobDraft

HANDLER_CHARACTERS_MAX = 256
SOURCE_CHARACTERS_MAX = 1_048_576
"""An `ix` line of many files is one."""
JOB_ID = re.compile(r"[A-Za-z0-9._:~-]{1,128}")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check(draft: JobDraft) -> None:
    """Raises InvalidRequest, which names the field."""
    check_handler(draft.handler_name)
    for field in ("id", "parent_id"):
        text = getattr(draft, field)
        if text and not JOB_ID.fullmatch(text):
            raise InvalidRequest(field, "an id is at most 128 letters, digits and . _ : ~ -")
    if len(draft.source) > SOURCE_CHARACTERS_MAX:
        raise InvalidRequest("source", f"has {len(draft.source)} characters; the limit is {SOURCE_CHARACTERS_MAX}")
    for field in ("delay_seconds", "timeout_seconds", "cost_estimate"):
        _check_amount(field, getattr(draft, field))
    if draft.retry.attempts < 0 or draft.retry.delay_seconds < 0:
        raise InvalidRequest("retry", "neither attempts nor delay can be negative")


def check_handler(name: str) -> None:
    plugin, _, handler = name.partition("/")
    if not plugin or not handler:
        raise InvalidRequest("handler_name", f"has to be PLUGIN/HANDLER, got {name[:HANDLER_CHARACTERS_MAX]!r}")
    if len(name) > HANDLER_CHARACTERS_MAX:
        raise InvalidRequest("handler_name", f"has {len(name)} characters; the limit is {HANDLER_CHARACTERS_MAX}")
    if CONTROL.search(name):
        raise InvalidRequest("handler_name", f"{name!r} holds a control character")


def _check_amount(field: str, amount: float) -> None:
    if amount < 0:
        raise InvalidRequest(field, f"cannot be negative, got {amount:g}")
    if not math.isfinite(amount):
        raise InvalidRequest(field, f"{amount:g} is no amount")
