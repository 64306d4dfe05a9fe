"""@handler and @watch, and what @schedule records: a note on the function, which stays the function it was.

Nothing is called, registered or wrapped here. The plugin learns what a script declares from its text
(`qntx.script.declarations`); the notes are for tests and for tools that have the module at hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from inspect import Parameter, cleandoc, signature
from types import FunctionType
from typing import Any, TypeVar, overload

from qntx.model.declaration import Declarations, Function, Watch
from qntx.script.durations import whole_seconds

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

NOTES = "__qntx_notes__"
_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_NAME = re.compile(r"[A-Za-z0-9_:-]+")


@overload
def handler(name: Decorated, /) -> Decorated: ...
@overload
def handler(name: str | None = None, *, description: str | None = None) -> Callable[[Decorated], Decorated]: ...
def handler(name: Any = None, *, description: str | None = None) -> Any:
    """Mark the function that runs when its handler is called by name: `@handler`, `@handler("Counts bases.")`.

    A text with anything but letters, digits, `_`, `:` and `-` in it is the description, otherwise a second name for it.
    """
    if callable(name):
        return _noted(name, ("handler", "", ""))
    return _noting(("handler", *handler_words(name, description)))


def watch(
    predicate: str | list[str], context: str | list[str] | None = None, *, description: str | None = None
) -> Callable[[Decorated], Decorated]:
    """Run the function for each attestation of this predicate, in this context where one is given.

    `@watch("sequence:new", context="lab")`; a list stands for any of its texts. The function is given the attestation.
    """
    watched = Watch(predicates=watched_texts("predicate", predicate), contexts=watched_texts("context", context))
    return _noting(("watch", watched, description or ""))


def scheduled(every: Any, description: str | None) -> Callable[[Decorated], Decorated]:
    """What @schedule(every=…) does."""
    try:
        seconds = whole_seconds(every)
    except ValueError as fault:
        raise ValueError(f"@schedule: {fault}") from None
    return _noting(("schedule", seconds, description or ""))


def declared(namespace: Mapping[str, Any]) -> Declarations:
    """What a script that has run declares, by the notes on its functions."""
    functions = {id(value): value for value in namespace.values() if hasattr(value, NOTES)}
    main = namespace.get("main")
    return Declarations(
        functions=tuple(_function(each) for each in sorted(functions.values(), key=_first_line)),
        main=_function(main) if isinstance(main, FunctionType) else None,
        description=cleandoc(namespace.get("__doc__") or ""),
    )


def handler_words(name: str | None, description: str | None) -> tuple[str, str]:
    """The name and the description that @handler was given, whichever its first argument is."""
    if name is None or _NAME.fullmatch(name):
        return name or "", description or ""
    return "", description or name


def watched_texts(argument: str, given: Any) -> tuple[str, ...]:
    """What @watch was given, as texts; ValueError where it is not."""
    texts = () if given is None else (given,) if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not all(isinstance(each, str) and each for each in texts):
        raise ValueError(f"@watch: {argument} must be a text or a list of texts, not {given!r}")
    if argument == "predicate" and not texts:
        raise ValueError("@watch: predicate is missing; say which attestations to watch for")
    return tuple(texts)


def _noting(note: tuple[Any, ...]) -> Callable[[Decorated], Decorated]:
    def record(function: Decorated) -> Decorated:
        return _noted(function, note)

    return record


def _noted(function: Decorated, note: tuple[Any, ...]) -> Decorated:
    # Decorators apply from the bottom up; the notes read from the top down.
    setattr(function, NOTES, (note, *getattr(function, NOTES, ())))
    return function


def _function(function: Any) -> Function:
    notes = getattr(function, NOTES, ())
    parameters = signature(function).parameters.values()
    positional = [each for each in parameters if each.kind in _POSITIONAL]
    variadic = any(each.kind is Parameter.VAR_POSITIONAL for each in parameters)
    spoken = [note[-1] for note in notes if note[-1]]
    return Function(
        name=function.__name__,
        description=spoken[0] if spoken else cleandoc(function.__doc__ or ""),
        by_hand=any(note[0] == "handler" for note in notes),
        alias=next((note[1] for note in notes if note[0] == "handler" and note[1]), ""),
        watches=tuple(note[1] for note in notes if note[0] == "watch"),
        periods=tuple(note[1] for note in notes if note[0] == "schedule"),
        takes=bool(positional) or variadic,
        needs=any(each.default is Parameter.empty for each in positional),
    )


def _first_line(function: Any) -> int:
    code = getattr(function, "__code__", None)
    return code.co_firstlineno if code is not None else 0
