"""What scripts pass, checked where they pass it: every fault names the call and the argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from qntx.script.attributes import plain

Texts = str | Iterable[str] | None
"""One text stands for a list of one, None for an empty list."""


def named(call: str, argument: str, given: Any) -> str:
    """A text with something in it."""
    if not isinstance(given, str):
        raise TypeError(f"{call}: {argument} must be a text, not {type(given).__name__} ({given!r:.60})")
    if not given.strip():
        raise ValueError(f"{call}: {argument} is empty")
    return given


def value(call: str, argument: str, given: Any) -> Any:
    """Anything with a JSON form, in it."""
    try:
        return plain(given, argument)
    except (TypeError, ValueError) as fault:
        raise type(fault)(f"{call}: {fault}") from None


def texts(call: str, name: str, given: Any) -> list[str]:
    """A list of its own, of texts."""
    if given is None:
        return []
    if isinstance(given, str):
        given = [given]
    elif type(given) is not list and type(given) is not tuple:
        given = _listed(call, name, given)
    try:
        "".join(given)  # the quickest look at every part's type
    except TypeError:
        _refuse_other_types(call, name, given)
    if not all(given):
        raise ValueError(f"{call}: {name}[{given.index('')}] is an empty text")
    return [*given]


def _refuse_other_types(call: str, name: str, given: Sequence[Any]) -> NoReturn:
    index, wrong = next((index, each) for index, each in enumerate(given) if not isinstance(each, str))
    raise TypeError(f"{call}: {name}[{index}] must be a text, not {type(wrong).__name__} ({wrong!r:.60})") from None


def _listed(call: str, name: str, given: Any) -> list[Any]:
    if isinstance(given, set | frozenset):
        return sorted(given, key=str)
    if hasattr(given, "tolist"):  # an array or a column of a frame
        return list(given.tolist())
    if isinstance(given, Mapping | bytes) or not isinstance(given, Iterable):
        raise TypeError(f"{call}: {name} must be a list of texts, not {type(given).__name__} ({given!r:.60})")
    return list(given)
