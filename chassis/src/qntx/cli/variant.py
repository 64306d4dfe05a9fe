"""Variants: what there is, an environment for each, and a new one."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from qntx.cli import tables
from qntx.cli.options import json_option
from qntx.errors import Refused
from qntx.host import distribution, variants
from qntx.host.environments import Built, Environments, State
from qntx.host.home import Home
from qntx.host.variants import Folder
from qntx.model import variant

BUILDS_AT_ONCE = 4
COLUMNS = ("name", "glyph", "version", "environment", "description")

NEW_MANIFEST = """\
# One file is a whole variant. Every key: variants/README.md.
version = "0.1.0"
description = "{description}"
dependencies = {dependencies}
preload = []
imports = []

[smoke]
code = "_result = 6 * 7"
result = 42
"""

variants_option = click.option(
    "--variants",
    "folder",
    type=click.Path(path_type=Path),
    help="The folder of the variants. [default: that of the checkout around you, else those installed]",
)


@click.group("variant")
def command() -> None:
    """List, build and add variants: the members of the plugin family."""


@command.command("list")
@variants_option
@json_option
def list_variants(folder: Path | None, as_json: bool) -> None:
    """The variants, and whether the environment of each is built."""
    built = Environments(Home.find(), distribution.installed_chassis())
    rows = [_summary(found, built.state(found)) for found in variants.load(variants.find(folder)).values()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    tables.show(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])


@command.command("show")
@click.argument("name")
@variants_option
@json_option
def show(name: str, folder: Path | None, as_json: bool) -> None:
    """Everything about one variant. Its manifest with the defaults, and what is installed for it."""
    [found] = variants.choose(variants.load(variants.find(folder)), [name])
    built = Environments(Home.find(), distribution.installed_chassis())
    state = built.state(found)
    facts = _summary(found, state) | _details(found)
    facts["packages"] = {} if state is State.ABSENT else built.packages(found)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    table = Table(show_header=False, box=None)
    for key, value in facts.items():
        table.add_row(key, _told(value))
    Console().print(table)


@command.command("sync")
@click.argument("names", nargs=-1)
@variants_option
@click.option("--python", default="", help="The interpreter, as uv takes it: a path, or such as 3.13. [default: ours]")
@click.option("--wheel", is_flag=True, help="From a checkout: install a copy of the chassis, so edits are not seen.")
@click.option("--force", is_flag=True, help="Build even what has not changed.")
@json_option
def sync(names: tuple[str, ...], folder: Path | None, python: str, wheel: bool, force: bool, as_json: bool) -> None:
    """Build the environment and launcher of each variant that changed."""
    chosen = variants.choose(variants.load(variants.find(folder)), names)
    built = Environments(Home.find(), distribution.installed_chassis(editable=not wheel), python)
    with _Display([found.variant.name for found in chosen]) as display, ThreadPoolExecutor(BUILDS_AT_ONCE) as pool:

        def build(found: Folder) -> Built:
            result = built.build(found, display.say, force=force)
            display.end(result)
            return result

        try:
            results = list(pool.map(build, chosen))
        except KeyboardInterrupt:
            built.stop()
            raise
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(r) | {"state": r.state.value} for r in results], indent=2))
    failed = [result for result in results if result.state is State.FAILED]
    for result in failed:
        click.echo(f"Error: {result.name} could not be built.\n{result.reason}", err=True)
    click.get_current_context().exit(1 if failed else 0)


@command.command("new")
@click.argument("name")
@click.argument("dependencies", nargs=-1)
@click.option("--description", default="", help="One line about it.")
@variants_option
def new(name: str, dependencies: tuple[str, ...], description: str, folder: Path | None) -> None:
    """Write the manifest of a new variant. Such as: qntx variant new chem 'rdkit>=2024'"""
    where = folder or variants.find()
    manifest = where / name / variants.MANIFEST
    if manifest.exists():
        raise Refused(f"there is a variant {name} already: {manifest}")
    text = NEW_MANIFEST.format(
        description=description.replace('"', "'") or f"QNTX {name} plugin", dependencies=json.dumps(list(dependencies))
    )
    variant.parse(name, text, str(manifest))
    variant.refuse_shadowed([*(path.parent.name for path in where.glob(f"*/{variants.MANIFEST}")), name], str(where))
    manifest.parent.mkdir(parents=True)
    manifest.write_text(text)
    _tell_git(manifest)
    click.echo(f"{manifest}\nNext: qntx variant sync {name}")


def _tell_git(manifest: Path) -> None:
    """A flake sees only what git knows of."""
    if git := shutil.which("git"):
        command = [git, "-C", str(manifest.parent), "add", "--intent-to-add", manifest.name]
        subprocess.run(command, capture_output=True, check=False)


def _summary(found: Folder, state: State) -> dict[str, Any]:
    read = found.variant
    return {
        "name": read.name,
        "glyph": read.glyph,
        "version": read.version,
        "description": read.description,
        "environment": state.value,
        "manifest": str(found.manifest),
    }


def _details(found: Folder) -> dict[str, Any]:
    read = found.variant
    return {
        "dependencies": [str(package) for package in read.dependencies],
        "optional": [str(package) for package in read.optional],
        "preload": list(read.preload),
        "tools": list(read.tools),
        "env": dict(read.environment),
        "limits": dataclasses.asdict(read.limits),
        "ingest": sorted(path.stem for path in found.ingest.glob("*.py")),
    }


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key} {each}" for key, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


class _Display:
    """A line a variant on a terminal, kept up to date; elsewhere a line a step that matters."""

    def __init__(self, names: Sequence[str]) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.fields[name]:<12}"),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks = {name: self._progress.add_task("waiting", name=name, total=1) for name in names}

    def __enter__(self) -> _Display:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, name: str, what: str) -> None:
        self._progress.update(self._tasks[name], description=what[: self._console.width])

    def end(self, built: Built) -> None:
        said = built.state.value if built.state is State.FAILED or built.built else "unchanged"
        if built.left_out:
            said += f" (without {', '.join(built.left_out)})"
        self._progress.update(self._tasks[built.name], description=said, completed=1)
        if not self._console.is_terminal:
            self._console.print(f"{built.name}: {said}", soft_wrap=True)
