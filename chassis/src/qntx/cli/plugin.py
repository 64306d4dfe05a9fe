"""qntx plugin: the plugins of the running host."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from qntx.cli import client
from qntx.errors import Unavailable

RESTART_TIMEOUT_SECONDS = 60.0
ASK_AGAIN_SECONDS = 0.25

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("plugin")
def command() -> None:
    """The plugins of the running host."""


@command.command("list")
@json_option
def list_plugins(as_json: bool) -> None:
    """Every plugin, and what it is doing."""
    with client.find() as host:
        plugins = host.get("/api/plugins")["plugins"]
    if as_json:
        click.echo(json.dumps(plugins, indent=2))
        return
    table = Table("plugin", "state", "version", "pid", "restarts", "")
    for plugin in plugins:
        table.add_row(
            plugin["name"],
            plugin["state"],
            plugin["version"],
            str(plugin["pid"] or ""),
            str(plugin["restarts"]),
            plugin["message"],
        )
    Console().print(table)


@command.command("logs")
@click.argument("name")
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines, until Ctrl-C.")
@json_option
def logs(name: str, follow: bool, as_json: bool) -> None:
    """The last lines that a plugin printed."""
    path = f"/api/plugins/{name}/logs"
    with client.find() as host:
        lines = _followed(host, path) if follow else host.get(path)["lines"]
        for line in lines:
            text = json.dumps(line) if as_json else f"{line['timestamp']} {line['level']:7} {line['line']}"
            click.echo(text)


@command.command("restart")
@click.argument("name")
@json_option
def restart(name: str, as_json: bool) -> None:
    """Stop a plugin and start it anew; done when it runs."""
    with client.find() as host:
        before = host.get(f"/api/plugins/{name}")
        host.post(f"/api/plugins/{name}/restart")
        plugin = _restarted(host, before)
    click.echo(
        json.dumps(plugin, indent=2) if as_json else f"{name} {plugin['version']} runs (process {plugin['pid']})"
    )


def _followed(host: client.Client, path: str) -> Iterator[Any]:
    for _, line in host.events("GET", path):
        yield line


def _restarted(host: client.Client, before: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + RESTART_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        plugin: dict[str, Any] = host.get(f"/api/plugins/{before['name']}")
        if plugin["state"] == "running" and plugin["pid"] != before["pid"]:
            return plugin
        time.sleep(ASK_AGAIN_SECONDS)
    raise Unavailable(f"{before['name']} is not back yet: {plugin['state']}, {plugin['message']}")
