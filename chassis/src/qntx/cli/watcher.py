"""Watchers: what is fired by which attestations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from qntx.cli import client, sources, tables
from qntx.cli.options import json_option

FIRES = 10
ERROR_SHOWN = 80
COLUMNS = ("id", "when", "action", "on", "fired", "failed", "waiting", "last error")
FIRED = ("attestation", "attempts", "error", "output")


@click.group("watcher")
def command() -> None:
    """List, make, change and delete watchers."""


@command.command("list")
@json_option
def list_watchers(as_json: bool) -> None:
    """All watchers: what they wait for, what they fired, what waits."""
    with client.find() as host:
        watchers = host.get("/api/watchers")
    if as_json:
        click.echo(json.dumps(watchers, indent=2, ensure_ascii=False))
        return
    rows = []
    for one in watchers:
        last_error = one["last_error"].strip().rpartition("\n")[2][:ERROR_SHOWN]
        action = one["action_type"] + (f" {one['glyph']}" if one["action_type"] == "python" else "")
        counts = (str(one[count]) for count in ("fire_count", "error_count", "waiting"))
        rows.append((one["id"], _when(one), action, "yes" if one["enabled"] else "no", *counts, last_error))
    tables.show(COLUMNS, rows)


@command.command("show")
@click.argument("watcher_id")
@json_option
def show(watcher_id: str, as_json: bool) -> None:
    """One watcher, and the last attestations that fired it."""
    with client.find() as host:
        one = host.get(_path(watcher_id), fires=FIRES)
    if as_json:
        click.echo(json.dumps(one, indent=2, ensure_ascii=False))
        return
    fires = one.pop("recent_fires") or []
    tables.facts(one)
    if fires:
        shown = ((fire["attestation_id"], str(fire["attempts"]), fire["error"], fire["output"]) for fire in fires)
        tables.show(FIRED, [[cell[-ERROR_SHOWN:] for cell in cells] for cells in shown])


@command.command("create")
@click.argument("watcher_id")
@click.option("--subject", "-s", "subjects", multiple=True, help="Any of these. May be repeated.")
@click.option("--predicate", "-p", "predicates", multiple=True, help="Any of these. May be repeated.")
@click.option("--context", "-c", "contexts", multiple=True, help="Any of these. May be repeated.")
@click.option("--actor", "-a", "actors", multiple=True, help="Any of these. May be repeated.")
@click.option("--code", help="Python to run; it finds the attestation in `upstream`.")
@click.option(
    "--file", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The same, in a file."
)
@click.option("--glyph", default="py", show_default=True, help="Who runs the Python.")
@click.option("--handler", metavar="PLUGIN/HANDLER", help="A plugin's handler to run.")
@click.option("--webhook", metavar="URL", help="A URL to call.")
@click.option("--rate", type=float, help="At most so many a second; 0 is never.")
@json_option
def create(
    watcher_id: str,
    subjects: Sequence[str],
    predicates: Sequence[str],
    contexts: Sequence[str],
    actors: Sequence[str],
    code: str | None,
    path: Path | None,
    glyph: str,
    handler: str | None,
    webhook: str | None,
    rate: float | None,
    as_json: bool,
) -> None:
    """Make a watcher. It fires for what is attested from now on."""
    body: dict[str, Any] = {
        "id": watcher_id,
        "name": watcher_id,
        "subjects": subjects,
        "predicates": predicates,
        "contexts": contexts,
        "actors": actors,
        "glyph": glyph,
        **_action(code, path, handler, webhook),
    }
    if rate is not None:
        body["max_fires_per_second"] = rate
    with client.find() as host:
        made = host.post("/api/watchers", body)
    click.echo(json.dumps(made, indent=2) if as_json else f"created {made['id']}: fires when {_when(made)}")


@command.command("enable")
@click.argument("watcher_id")
def enable(watcher_id: str) -> None:
    """Let it fire again."""
    _set_enabled(watcher_id, True)


@command.command("disable")
@click.argument("watcher_id")
def disable(watcher_id: str) -> None:
    """Let it fire no more. What waits for it stays."""
    _set_enabled(watcher_id, False)


@command.command("delete")
@click.argument("watcher_id")
def delete(watcher_id: str) -> None:
    """Delete it, and what waits for it."""
    with client.find() as host:
        host.delete(_path(watcher_id))
    click.echo(f"deleted {watcher_id}")


def _action(code: str | None, path: Path | None, handler: str | None, webhook: str | None) -> dict[str, str]:
    given = [choice for choice in (code, path, handler, webhook) if choice]
    if len(given) != 1:
        raise click.UsageError("say what it fires with one of --code, --file, --handler, --webhook")
    if handler:
        plugin, _, name = handler.partition("/")
        return {
            "action_type": "plugin_execute",
            "action_data": json.dumps({"plugin_name": plugin, "handler_name": name}),
        }
    if webhook:
        return {"action_type": "webhook", "action_data": webhook}
    return {"action_type": "python", "action_data": sources.read(path) if path else code or ""}


def _set_enabled(watcher_id: str, enabled: bool) -> None:
    with client.find() as host:
        host.put(_path(watcher_id), {"enabled": enabled})
    click.echo(f"{'enabled' if enabled else 'disabled'} {watcher_id}")


def _path(watcher_id: str) -> str:
    return f"/api/watchers/{quote(watcher_id)}"


def _when(one: dict[str, Any]) -> str:
    fields = ("subjects", "predicates", "contexts", "actors")
    asked = [f"{field[:-1]} {' or '.join(one[field])}" for field in fields if one[field]]
    times = [f"{word} {one[name]}" for word, name in (("from", "time_start"), ("to", "time_end")) if one[name]]
    return ", ".join(asked + times)
