"""Runs a script from the command line: on the running host, or on a plugin that is started for this one call."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import msgspec

from qntx.cli import client
from qntx.errors import HostUnavailable
from qntx.host import config as configuration
from qntx.host import logs
from qntx.host.app import Host
from qntx.host.executor import Script
from qntx.host.home import Home
from qntx.host.plugins.discovery import discover, search_paths
from qntx.host.plugins.router import route
from qntx.model.execution import Mode

Shown = Callable[[str, Any], None]
"""Called with each event: its name and its JSON value."""

PATHS = {Mode.EXECUTE: "/api/python/execute", Mode.EVALUATE: "/api/python/evaluate"}


@dataclass(slots=True)
class Terminal:
    """Prints a run while it happens: its output where it belongs, and what else it reports to standard error."""

    answer: Mapping[str, Any] | None = None

    def show(self, kind: str, data: Any) -> None:
        match kind:
            case "stdout" | "stderr":
                click.echo(data["text"], nl=False, err=kind == "stderr")
            case "display":
                click.echo(data.get("text/plain") or f"[{', '.join(sorted(data))}]")
            case "progress":
                of = f"/{data['total']:g}" if data["total"] is not None else ""
                click.echo(f"… {data['current']:g}{of} {data['message']}".rstrip(), err=True)
            case "log":
                click.echo(f"{data['level']}: {data['message']}", err=True)
            case "end":
                self.answer = data
            case "error":
                raise HostUnavailable(data["error"])

    def conclude(self) -> None:
        """The value or the error; the command then fails as the script did."""
        answer = self.ended()
        if answer["result"] is not None and answer["success"]:
            value = answer["result"]
            click.echo(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        if answer["truncated"]:
            click.echo("(more was printed than is kept)", err=True)
        if answer["error"]:
            click.echo(answer["error"].rstrip("\n"), err=True)

    def ended(self) -> Mapping[str, Any]:
        if self.answer is None:
            raise HostUnavailable("the host stopped answering before the run ended")
        return self.answer


def perform(script: Script, *, as_json: bool) -> int:
    """Run it and print what it does. The exit code: 1 where the script failed."""
    terminal = Terminal()

    def keep(kind: str, data: Any) -> None:
        if kind in ("end", "error"):
            terminal.show(kind, data)

    show = keep if as_json else terminal.show
    host = client.find_running()
    if host is not None:
        with host:
            _through(host, script, show)
    else:
        logs.configure("error")
        asyncio.run(_alone(script, show))
    if as_json:
        click.echo(json.dumps(terminal.ended(), ensure_ascii=False))
    else:
        terminal.conclude()
    return 0 if terminal.ended()["success"] else 1


def read_source(file: str) -> str:
    """The text of that file; of standard input for `-`."""
    return sys.stdin.read() if file == "-" else Path(file).read_text()


def _through(host: client.Client, script: Script, show: Shown) -> None:
    body = {
        "code": script.code,
        "glyph": script.glyph,
        "session_id": script.session_id,
        "upstream": script.upstream,
        "timeout_secs": script.timeout_seconds,
        "capture_variables": script.capture_variables,
        "stream": True,
    }
    for kind, data in host.events("POST", PATHS[script.mode], body):
        show(kind, data)


async def _alone(script: Script, show: Shown) -> None:
    """Without a host: the one plugin that is needed, for as long as the run takes."""
    home = Home.find()
    config = configuration.load(home)
    installed = [one.name for one in discover(config.plugin, search_paths(config.plugin, home, Path.cwd()))]
    if not installed:
        raise HostUnavailable(
            "no host is running here and no plugin is installed: `qntx variant sync` builds them, then `qntx up`"
        )
    needed = route(script.glyph, installed, config.host.default_provider)
    config = replace(config, plugin=msgspec.structs.replace(config.plugin, enabled=[needed]))
    async with Host(config, home, serve=False) as host:
        await host.registry.settled()
        async with aclosing(host.executor.stream(script)) as events:
            async for kind, data in events:
                show(kind, json.loads(msgspec.json.encode(data)))
