"""Which argument of a call is its request, and which names its tenant."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from typing import Any

from qntx.capsules import canonical
from qntx.capsules.capture import TEXT_CHARACTERS, capture, text

MISSING = object()


class Arguments:
    """The parameters of one function, so that finding a value in a call is an index and not a binding."""

    def __init__(self, function: Callable[..., Any]) -> None:
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            parameters = []  # Written in C without a signature: positions still work.
        self._places = {parameter.name: place for place, parameter in enumerate(parameters)}
        self._parameters = parameters
        # A method's first argument is the object, which nobody asked for anything.
        self._first = int(bool(parameters) and parameters[0].name in ("self", "cls"))

    def request(self, chosen: str | int | None, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """The chosen argument as text: a string as it is, anything else as JSON. Empty where there is none."""
        value = self._positional(chosen or 0, args, kwargs) if not isinstance(chosen, str) else MISSING
        if isinstance(chosen, str):
            value = self.named(chosen, args, kwargs)
        if value is MISSING or value is None:
            return ""
        if type(value) in (dict, list, tuple):
            return text(canonical.encode(capture(value)), TEXT_CHARACTERS)
        return text(value)

    def named(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What this call means by that name: given by keyword, by position, or by default."""
        if name in kwargs:
            return kwargs[name]
        place = self._places.get(name)
        if place is None:
            return MISSING
        parameter = self._parameters[place]
        if parameter.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD) and place < len(args):
            return args[place]
        return MISSING if parameter.default is Parameter.empty else parameter.default

    def _positional(self, index: int, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        place = index + self._first
        if -len(args) <= place < len(args):
            return args[place]
        if 0 <= place < len(self._parameters):
            return self.named(self._parameters[place].name, args, kwargs)
        return MISSING
