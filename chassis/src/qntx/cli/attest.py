"""Attests something: `qntx attest BRCA1 --predicate gc --attribute gc=0.42`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from qntx.cli import client
from qntx.cli.options import json_option

SOURCE = "qntx-cli"


def pair(text: str) -> tuple[str, Any]:
    """`name=value`; a value that is JSON is that value, anything else is a text."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} has to be written name=value")
    try:
        return name, json.loads(value, parse_constant=_no_json)
    except ValueError:
        return name, value
    except RecursionError:
        raise click.BadParameter(f"{name} is nested too deep; flatten it, or quote it as a text") from None


def _no_json(name: str) -> None:
    """NaN and Infinity, which Python reads as numbers."""
    raise ValueError(name)


@click.command("attest")
@click.argument("subjects", nargs=-1, required=True)
@click.option("--predicate", "-p", "predicates", multiple=True, required=True, help="What is said. May be repeated.")
@click.option("--context", "-c", "contexts", multiple=True, help="Where it holds. May be repeated.")
@click.option("--actor", "-a", "actors", multiple=True, help="Who says so. May be repeated.")
@click.option("--attribute", "attributes", type=pair, multiple=True, metavar="NAME=VALUE", help="JSON, or a text.")
@click.option("--id", "attestation_id", default="", help="An id of your own: sent again, it is not kept twice.")
@json_option
def command(
    subjects: Sequence[str],
    predicates: Sequence[str],
    contexts: Sequence[str],
    actors: Sequence[str],
    attributes: Sequence[tuple[str, Any]],
    attestation_id: str,
    as_json: bool,
) -> None:
    """Attest something of the SUBJECTS."""
    body = {
        "id": attestation_id,
        "subjects": subjects,
        "predicates": predicates,
        "contexts": contexts,
        "actors": actors,
        "attributes": dict(attributes),
        "source": SOURCE,
    }
    with client.find() as host:
        answer = host.post("/api/attestations", body)
    click.echo(json.dumps(answer) if as_json else f"{answer['status']} {answer['id']}")
