"""A script's value as JSON that keeps what it can and says what it could not."""

from __future__ import annotations

import json
from typing import Any


def encode(value: Any) -> bytes:
    """The value as JSON."""
    return json.dumps(value, ensure_ascii=False, default=repr).encode("utf-8", "replace")
