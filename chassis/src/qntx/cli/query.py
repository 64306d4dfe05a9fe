"""Asks for attestations: `qntx query --predicate gc`, and follows them as they arrive."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click

from qntx.cli import client, filters, tables
from qntx.cli.printing import printable

COLUMNS = ("id", "timestamp", "subjects", "predicates", "contexts", "actors", "source", "attributes")
SHOWN = 200
"""Characters of a cell."""


@click.command("query")
@click.argument("subjects", nargs=-1)
@filters.of_attestations
@click.option("--limit", "-n", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many.")
@click.option("--follow", "-f", is_flag=True, help="Print what arrives from now on, until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --follow, a line for each.")
def command(limit: int, follow: bool, as_json: bool, **asked: Any) -> None:
    """Show attestations, newest first: of any of the SUBJECTS, and of every other kind of term that is given."""
    with client.find() as host:
        if follow:
            _follow(host, asked, as_json)
            return
        found = host.get("/api/attestations", limit=limit, **asked)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        tables.show(COLUMNS, [list(_cells(record)) for record in found], none="Nothing matches.")


def _follow(host: client.Client, asked: Mapping[str, Any], as_json: bool) -> None:
    params = {name: value for name, value in asked.items() if value} | {"kinds": "attestation"}
    for kind, record in host.events("GET", "/api/events", params=params):
        if kind == "attestation":
            click.echo(json.dumps(record, ensure_ascii=False) if as_json else "  ".join(_cells(record)))


def _cells(record: Mapping[str, Any]) -> Iterable[str]:
    for column in COLUMNS:
        value = record.get(column) or ""
        if isinstance(value, dict):
            value = json.dumps(value, ensure_ascii=False)
        text = printable(", ".join(value) if isinstance(value, list) else value)
        yield text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
