"""The options by which commands say which attestations they are about."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import click

ANY = "Any of these. May be repeated."
OPTIONS = (
    click.option("--predicate", "-p", "predicates", multiple=True, help=ANY),
    click.option("--context", "-c", "contexts", multiple=True, help=ANY),
    click.option("--actor", "-a", "actors", multiple=True, help=ANY),
    click.option("--since", help="2026-01-15, 2026-01-15T09:30:00Z, '3 days ago', 90m, yesterday."),
    click.option("--until", help="The same."),
)


def of_attestations(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a command that takes them as keywords, under the names that `GET /api/attestations` has for them."""
    return reduce(lambda decorated, option: option(decorated), reversed(OPTIONS), command)
