"""qntx token: who may call this host from elsewhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import click

from qntx.cli import tables
from qntx.cli.options import json_option
from qntx.host import config as configuration
from qntx.host.access.roles import Role
from qntx.host.access.tokens import Token, Tokens
from qntx.host.home import Home

NONE = "No token: nobody may call this host from elsewhere. `qntx token create NAME --role run` makes one."


@click.group("token")
def command() -> None:
    """Who may call this host from elsewhere. Only digests are kept; a running host heeds every change at once."""


@command.command("create")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.word for role in Role]),
    required=True,
    help="read looks, run runs code and changes data, admin changes plugins too.",
)
@click.option("--from-file", "file", type=click.File(), help="Take the token from that file, or - for standard input.")
@json_option
def create(name: str, role: str, file: IO[str] | None, as_json: bool) -> None:
    """Make a token and print it, this once. Such as: qntx token create laptop --role run"""
    text = _tokens().create(name, Role[role.upper()], file.read().strip() if file else "")
    if as_json:
        click.echo(json.dumps({"name": name, "role": role, "token": None if file else text}))
    elif file:
        click.echo(f"{name} may {role}")
    else:
        click.echo(text)
        click.echo(f"That is the token of {name}, role {role}. It is not kept and cannot be shown again.", err=True)


@command.command("list")
@json_option
def list_tokens(as_json: bool) -> None:
    """The names and roles; the tokens themselves are not kept."""
    rows = [_row(token) for token in _tokens().all()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        tables.show(("name", "role", "created"), [list(row.values()) for row in rows], none=NONE)


@command.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """Let nobody in with that token any more. Logins made with it end."""
    _tokens().revoke(name)
    click.echo(f"{name} is revoked")


def _tokens() -> Tokens:
    home = Home.find()
    named = configuration.load(home).host.token_file
    return Tokens(Path(named).expanduser() if named else home.tokens)


def _row(token: Token) -> dict[str, str]:
    created = datetime.fromtimestamp(token.created_at_ms / 1000, UTC)
    return {"name": token.name, "role": token.role, "created": f"{created:%Y-%m-%d %H:%M} UTC"}
