"""Whatever a program holds, as JSON that is bounded and always comes out.

Values come from hostile code: their `__str__` raises, their keys are objects, they contain themselves, they are fifty
megabytes. None of that may reach the caller or the chain, so every conversion either is exact or says in place what was
left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any

TEXT_CHARACTERS = 500
"""Of one captured string."""
KEPT_CHARACTERS = 65_536
"""Of one string that the audited code wrote into its capsule on purpose."""
INTEGER_BITS = 1_024
DEPTH = 20
UNREPRESENTABLE = "<unrepresentable>"
MORE = "…"


@dataclass(slots=True)
class Budget:
    """What one capture may still spend."""

    nodes: int = 10_000
    characters: int = 262_144
    text_characters: int = TEXT_CHARACTERS


def capture(value: Any, budget: Budget | None = None) -> Any:
    """The value as JSON: exact where it is small and plain, else cut with a mark where it was cut."""
    return _capture(value, budget or Budget(), 0)


def text(value: Any, characters: int = TEXT_CHARACTERS) -> str:
    """Any value as a string that can be stored, at most about that long."""
    if type(value) is not str:
        value = _described(value)
    whole = len(value)
    if whole > characters:
        value = f"{value[:characters]}{MORE}(+{whole - characters} characters)"
    if value.isascii():
        return str(value)
    return str(value).encode("utf-8", "backslashreplace").decode()


def _described(value: Any) -> str:
    try:
        # An exact str, whatever subclass __str__ chose to return.
        return str.__str__(value if isinstance(value, str) else str(value))
    except BaseException:
        # Everything: code under audit may raise SystemExit from __str__, and must not end its caller with it.
        return UNREPRESENTABLE


def _capture(value: Any, budget: Budget, depth: int) -> Any:
    if value is None or value is True or value is False:
        return value
    kind = type(value)
    if kind is str:
        return _spend(value, budget)
    if kind is int:
        return value if value.bit_length() <= INTEGER_BITS else f"<integer of {value.bit_length()} bits>"
    if kind is float:
        return value if math.isfinite(value) else str(value)
    try:
        return _capture_object(value, budget, depth)
    except Exception:
        # A container that changes under iteration, or lies about being one.
        return UNREPRESENTABLE


def _capture_object(value: Any, budget: Budget, depth: int) -> Any:
    if isinstance(value, (dict, list, tuple)):
        if depth >= DEPTH:
            return "<nested too deep>"
        return _mapping(value, budget, depth) if isinstance(value, dict) else _sequence(value, budget, depth)
    if isinstance(value, int):
        return _capture(int.__add__(value, 0), budget, depth)
    if isinstance(value, float):
        return _capture(float.__add__(value, 0.0), budget, depth)
    return _spend(_described(value), budget)


def _spend(value: str, budget: Budget) -> str:
    if len(value) <= budget.text_characters and len(value) <= budget.characters and value.isascii():
        budget.characters -= len(value)
        return value
    kept = text(value, min(budget.text_characters, budget.characters))
    budget.characters = max(0, budget.characters - len(kept))
    return kept


def _sequence(value: Any, budget: Budget, depth: int) -> list[Any]:
    base = list if isinstance(value, list) else tuple
    whole = base.__len__(value)
    kept: list[Any] = []
    for item in islice(base.__iter__(value), whole):
        if not _afford(budget):
            kept.append(f"{MORE}(+{whole - len(kept)} items)")
            break
        kept.append(_capture(item, budget, depth + 1))
    return kept


def _mapping(value: dict[Any, Any], budget: Budget, depth: int) -> dict[str, Any]:
    whole = dict.__len__(value)
    kept: dict[str, Any] = {}
    for key, item in dict.items(value):
        if not _afford(budget):
            kept[_unused(MORE, kept)] = f"(+{whole - len(kept)} items)"
            break
        kept[_unused(_key(key, budget), kept)] = _capture(item, budget, depth + 1)
    return kept


def _afford(budget: Budget) -> bool:
    if budget.nodes <= 0 or budget.characters <= 0:
        return False
    budget.nodes -= 1
    return True


def _key(key: Any, budget: Budget) -> str:
    if key is None or key is True or key is False:
        return {None: "null", True: "true", False: "false"}[key]
    return _spend(key if type(key) is str else _described(key), budget)


def _unused(name: str, taken: dict[str, Any]) -> str:
    """1 and "1" are two keys in Python and one in JSON."""
    while name in taken:
        name += "'"
    return name
