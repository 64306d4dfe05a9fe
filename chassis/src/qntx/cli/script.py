"""Ingest scripts: published, versioned, carried from one node to another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from qntx.cli import client, sources, tables
from qntx.cli.options import json_option
from qntx.cli.templates import TEMPLATES
from qntx.errors import Refused

NEEDS = ("network", "subprocess")
COLUMNS = ("name", "version", "glyph", "needs", "by", "what")


@click.group("script")
def command() -> None:
    """Publish ingest scripts, list and show them, start one from a template."""


@command.command("list")
@json_option
def list_scripts(as_json: bool) -> None:
    """The newest version of each. Those that came with a variant are version 0."""
    with client.find() as host:
        found = host.get("/api/scripts")
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    rows = []
    for one in found:
        what = one["description"].partition("\n")[0]
        rows.append((one["name"], str(one["version"]), one["glyph"], ", ".join(one["needs"]), one["created_by"], what))
    tables.show(COLUMNS, rows)


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
    rows = [(str(one["version"]), one["created_at"], one["created_by"]) for one in found]
    tables.show(("version", "published", "by"), rows, none="None but what came with its variant, version 0.")


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
    tables.facts(told)


@command.command("publish")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--glyph", default="", help="Who runs it: py, py:bio, …")
@click.option("--description", default="", help="What it takes in, in one line.")
@click.option("--needs", multiple=True, type=click.Choice(NEEDS), help="May be repeated.")
@json_option
def publish(name: str, file: Path, glyph: str, description: str, needs: tuple[str, ...], as_json: bool) -> None:
    """Publish FILE as the next version of NAME. `ix NAME …` runs it from now on."""
    body = {
        "name": name,
        "code": sources.read(file),
        "glyph": glyph,
        "description": description,
        "needs": list(needs),
        "created_by": "qntx-cli",
    }
    with client.find() as host:
        made = host.post("/api/scripts/publish", body)
    click.echo(json.dumps(made) if as_json else f"published {made['name']}, version {made['version']}: {made['id']}")


@command.command("export")
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="This one instead of the newest.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Instead of NAME.script.json.")
def export(name: str, version: int | None, output: Path | None) -> None:
    """Write a script to a file that this node signs. It is for others to import."""
    with client.find() as host:
        content = host.get(f"/api/scripts/{name}/export", version=version)
    file = output or Path(f"{name}.script.json")
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(f"wrote {file}: {name}, version {content['script']['version']}, signed by {content['signer_did']}")


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--allow", multiple=True, type=click.Choice(NEEDS), help="What it needs and may have.")
@click.option("--signer", default="", metavar="DID", help="Refuse it unless this node signed it.")
@json_option
def import_(file: Path, allow: tuple[str, ...], signer: str, as_json: bool) -> None:
    """Publish an exported script here. Its signature has to be right."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise Refused(f"{file} is no exported ingest script: {fault}") from fault
    with client.find() as host:
        made = host.post("/api/scripts/import", {"file": content, "allow": list(allow), "signer": signer})
    told = f"imported {made['name']}, version {made['version']}, signed by {made['signer_did']}: {made['id']}"
    click.echo(json.dumps(made) if as_json else told)


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
