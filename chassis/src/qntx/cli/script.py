"""Ingest scripts: published, versioned, carried from one node to another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qntx.cli import client
from qntx.cli.query import printable
from qntx.cli.templates import TEMPLATES
from qntx.errors import Refused

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("script")
def command() -> None:
    """Publish ingest scripts, list and show them, start one from a template."""


@command.command("list")
@json_option
def list_scripts(as_json: bool) -> None:
    """The newest version of each; those that came with a variant are version 0."""
    with client.find() as host:
        found = host.get("/api/scripts")
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    table = Table("name", "version", "glyph", "needs", "by", "what")
    for one in found:
        what = one["description"].partition("\n")[0]
        cells = (one["name"], str(one["version"]), one["glyph"], ", ".join(one["needs"]), one["created_by"], what)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    Console().print(table)


@command.command("show")
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="This one instead of the newest.")
@json_option
def show(name: str, version: int | None, as_json: bool) -> None:
    """Print a script's code."""
    with client.find() as host:
        one = host.get(f"/api/scripts/{name}", version=version)
    click.echo(json.dumps(one, indent=2, ensure_ascii=False) if as_json else one["code"], nl=as_json)


@command.command("versions")
@click.argument("name")
@json_option
def versions(name: str, as_json: bool) -> None:
    """Every version, newest first."""
    with client.find() as host:
        found = host.get(f"/api/scripts/{name}/versions")
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for one in found:
        click.echo(f"{one['version']:>4}  {one['created_at']}  {printable(one['created_by'])}")


@command.command("stats")
@click.argument("name")
@json_option
def stats(name: str, as_json: bool) -> None:
    """How its latest runs went."""
    with client.find() as host:
        told: dict[str, Any] = host.get(f"/api/scripts/{name}/statistics")
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    for key, value in told.items():
        click.echo(f"{key:>16}  {'-' if value in (None, '') else printable(str(value))}")


@command.command("publish")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--glyph", default="", help="Who runs it: py, py:bio, …")
@click.option("--description", default="", help="What it takes in, in one line.")
@click.option("--needs", multiple=True, type=click.Choice(("network", "subprocess")), help="May be repeated.")
@json_option
def publish(name: str, file: Path, glyph: str, description: str, needs: tuple[str, ...], as_json: bool) -> None:
    """Publish FILE as the next version of NAME: `ix NAME …` runs it from now on."""
    body = {
        "name": name,
        "code": file.read_text(),
        "glyph": glyph,
        "description": description,
        "needs": list(needs),
        "created_by": "qntx-cli",
    }
    with client.find() as host:
        made = host.post("/api/scripts/publish", body)
    click.echo(json.dumps(made) if as_json else f"published {made['name']}, version {made['version']}: {made['id']}")


@command.command("delete")
@click.argument("name")
def delete(name: str) -> None:
    """Take a name out of use. Its versions stay in the record."""
    with client.find() as host:
        host.delete(f"/api/scripts/{name}")
    click.echo(f"deleted {name}")


@command.command("new")
@click.argument("name")
@click.option("--template", type=click.Choice(tuple(TEMPLATES)), default="lines", show_default=True)
@click.option("--directory", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Where it is put.")
def new(name: str, template: str, directory: Path) -> None:
    """Write NAME.py from a template."""
    file = directory / f"{name}.py"
    try:
        with file.open("x") as out:
            out.write(TEMPLATES[template])
    except FileExistsError:
        raise Refused(f"{file} is there already") from None
    click.echo(f"wrote {file}; publish it with `qntx script publish {name} {file}`")
