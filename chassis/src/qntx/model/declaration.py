"""What a script declares: its functions, and what fires each of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watch:
    """Attestations with any of these predicates, in any of these contexts; no contexts: in any at all."""

    predicates: tuple[str, ...]
    contexts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """A decorated function, or `main`."""

    name: str
    description: str = ""
    by_hand: bool = False
    """Marked with @handler: what runs when the handler is called by its name."""
    alias: str = ""
    watches: tuple[Watch, ...] = ()
    periods: tuple[int, ...] = ()
    """Seconds between runs, one for each @schedule."""
    takes: bool = False
    """Whether it can be given an argument in a call."""
    needs: bool = False
    """Whether it cannot be called without one."""


@dataclass(frozen=True, slots=True)
class Declarations:
    """All of a script's, in the order of the text. `main` is there whether or not it will be called."""

    functions: tuple[Function, ...] = ()
    main: Function | None = None
    description: str = ""
