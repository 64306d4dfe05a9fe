"""The names a script starts with, and those it made itself."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

REPR_CHARACTERS = 1000


class Namespace:
    """A fresh `__main__`, so that `__name__`, pickling and multiprocessing work as in a file that Python runs."""

    def __init__(self) -> None:
        self.module = ModuleType("__main__")
        self.names: dict[str, Any] = self.module.__dict__
        self.names["__builtins__"] = builtins
        self._given: dict[str, Any] = {}
        sys.modules["__main__"] = self.module

    def give(self, injected: Mapping[str, Any]) -> None:
        """Put names there that are ours, not the script's."""
        self.names.update(injected)
        self._given.update(injected)

    def own(self) -> dict[str, Any]:
        """The variables that the script made: no modules, functions or classes, nothing that was given to it."""
        return {
            name: value
            for name, value in list(self.names.items())
            if not name.startswith("_")
            and not isinstance(value, (ModuleType, FunctionType, BuiltinFunctionType, type))
            and not (name in self._given and self._given[name] is value)
        }


def short_repr(value: object) -> str:
    """Its repr, cut; or what its repr raised."""
    try:
        text = repr(value)
    except Exception as fault:
        text = f"<{type(value).__name__} whose repr raised {type(fault).__name__}>"
    return text if len(text) <= REPR_CHARACTERS else text[:REPR_CHARACTERS] + "..."
