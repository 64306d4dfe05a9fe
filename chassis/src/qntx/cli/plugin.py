"""qntx plugin: the plugins of the running host."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click
from rich.console import Console

from qntx.cli import client, tables
from qntx.cli.options import json_lines_option, json_option
from qntx.errors import Unavailable

RESTART_TIMEOUT_SECONDS = 60.0
ASK_AGAIN_SECONDS = 0.25


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
    rows = []
    for one in plugins:
        where = one["address"] or str(one["pid"] or "")
        rows.append((one["name"], one["state"], one["version"], where, str(one["restarts"]), one["message"]))
        rows += [("", each["state"], each["version"], each["address"], "", each["message"]) for each in one["replicas"]]
    tables.show(("plugin", "state", "version", "pid or address", "restarts", "message"), rows)


@command.command("logs")
@click.argument("name")
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines, until Ctrl-C.")
@json_lines_option
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


@command.command("join")
@click.argument("name")
@click.argument("address", metavar="HOST:PORT")
@json_option
def join(name: str, address: str, as_json: bool) -> None:
    """Let a replica in. Every host whose section [NAME] has address = "database" calls it."""
    with client.find() as host:
        _tell_joined(host.put(_replica(name, address), None), as_json)


@command.command("leave")
@click.argument("name")
@click.argument("address", metavar="HOST:PORT")
@json_option
def leave(name: str, address: str, as_json: bool) -> None:
    """Take a replica out that joined. It is given nothing more, and ends what it has."""
    with client.find() as host:
        _tell_joined(host.delete(_replica(name, address)), as_json)


@command.command("packages")
@click.argument("name")
@json_option
def packages(name: str, as_json: bool) -> None:
    """The packages that were installed into a plugin while it ran."""
    with client.find() as host:
        found = host.get(f"/api/{name}/uv/list")["packages"]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    rows = [(one["name"], one["version"], "" if one["requested"] else "needed by another") for one in found]
    tables.show(("package", "version", ""), rows)


@command.command("install")
@click.argument("name")
@click.argument("package", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Even where the variant brings another version.")
@json_option
def install(name: str, package: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Install packages into a running plugin. Such as: qntx plugin install python 'requests[socks]>=2' tabulate"""
    changed = _changed(f"/api/{name}/uv/install", {"packages": package, "force": force})
    if as_json:
        click.echo(json.dumps(changed, indent=2))
        return
    for each in changed["packages"]:
        click.echo(f"{each['name']} {each['version']}")
    if not changed["packages"]:
        click.echo("nothing to do: all of it is there")


@command.command("remove")
@click.argument("name")
@click.argument("package", nargs=-1, required=True)
@json_option
def remove(name: str, package: tuple[str, ...], as_json: bool) -> None:
    """Remove packages that were installed into a plugin. What only they needed goes too."""
    changed = _changed(f"/api/{name}/uv/remove", {"packages": package})
    click.echo(json.dumps(changed, indent=2) if as_json else "\n".join(changed["removed"]))


def _replica(name: str, address: str) -> str:
    return f"/api/plugins/{quote(name, safe='')}/replicas/{quote(address, safe='')}"


def _tell_joined(joined: dict[str, Any], as_json: bool) -> None:
    now = ", ".join(joined["addresses"]) or "none"
    click.echo(json.dumps(joined, indent=2) if as_json else f"replicas of {joined['name']}: {now}")


def _changed(path: str, body: dict[str, Any]) -> Any:
    with client.find() as host, Console(stderr=True).status("settling, fetching, trying…"):
        return host.post(path, body)["result"]


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
