"""Which function of a script runs for what: each under its own trigger only.

Pure. A script with one decorated function is addressed by its own name. In a script with several, each function has
an address of its own besides (`vacancies.count`), and its watchers and schedules use that. A run that asks for the
script by its plain name gets what fits best: the watch that the attestation matches, else the function marked @handler,
and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from qntx.errors import InvalidRequest, NotFound
from qntx.model.declaration import Declarations, Function, Watch


def several(declared: Declarations) -> bool:
    """Whether the script's functions need addresses of their own."""
    return len(declared.functions) > 1


def chosen(declared: Declarations, upstream: Any, function: str = "") -> Function | None:
    """The function to call once the module has run; None where running the module is all.

    `function` names one; otherwise what fired the run decides.
    """
    if function:
        return _named(declared, function)
    watching = [each for each in declared.functions if each.watches]
    if _is_attestation(upstream):
        for each in watching:
            if any(matches(watch, upstream) for watch in each.watches):
                return each
    by_hand = [each for each in declared.functions if each.by_hand]
    if by_hand:
        return by_hand[0]
    if not (isinstance(upstream, Mapping) and "predicates" in upstream):
        # A schedule's run, with nothing or with a payload of its own: never a watch's.
        scheduled = [each for each in declared.functions if each.periods]
        if scheduled:
            return scheduled[0]
    if len(watching) > 1 and upstream is not None:
        names = ", ".join(each.name for each in watching)
        raise InvalidRequest("payload", f"matches no @watch of this handler; name one of its functions: {names}")
    if declared.functions:
        return (watching or list(declared.functions))[0]
    return declared.main


def arguments(function: Function, upstream: Any) -> tuple[Any, ...]:
    """What to call it with: what fired it, if it wants to know."""
    if function.needs or (function.takes and (function.watches or upstream is not None)):
        return (upstream,)
    return ()


def matches(watch: Watch, attestation: Mapping[str, Any]) -> bool:
    """As the watchers of the host match: any within a field, all of the fields, ASCII case ignored."""
    return contains_any(attestation.get("predicates"), watch.predicates) and contains_any(
        attestation.get("contexts"), watch.contexts
    )


def contains_any(given: Any, wanted: Iterable[str]) -> bool:
    """Whether one of the wanted texts is among the given; true where none is wanted."""
    folded = {each.translate(_LOWER) for each in wanted}
    return not folded or any(isinstance(each, str) and each.translate(_LOWER) in folded for each in given or ())


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _is_attestation(upstream: Any) -> bool:
    return isinstance(upstream, Mapping) and isinstance(upstream.get("predicates"), list)


def _named(declared: Declarations, name: str) -> Function:
    for function in declared.functions:
        if name in (function.name, function.alias):
            return function
    known = ", ".join(each.name for each in declared.functions) or "none"
    raise NotFound(f"the handler declares no function {name!r} (it declares: {known})")
