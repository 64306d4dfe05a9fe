"""Runs a script from the command line: on the running host, or on a plugin that is started for this one call."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from qntx.cli import client
from qntx.errors import HostUnavailable
from qntx.model.execution import Mode

Shown = Callable[[str, Any], None]
"""Called with each event: its name and its JSON value."""

ALONE = "qntx.cli.alone"
"""Imported where it is needed: it takes longer than everything else here."""

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

    def keep(self, kind: str, data: Any) -> None:
        """Print nothing while it runs."""
        if kind in ("end", "error"):
            self.show(kind, data)

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


def perform(
    code: str,
    mode: Mode,
    *,
    glyph: str,
    timeout_seconds: float | None,
    session_id: str = "",
    upstream: Any = None,
    as_json: bool = False,
) -> int:
    """Run it and print what it does. The exit code: 1 where the script failed."""
    body = {
        "code": code,
        "glyph": glyph,
        "timeout_secs": timeout_seconds,
        "session_id": session_id,
        "upstream": upstream,
        "stream": True,
    }
    terminal = Terminal()
    _run(body, mode, terminal.keep if as_json else terminal.show)
    if as_json:
        click.echo(json.dumps(terminal.ended(), ensure_ascii=False))
    else:
        terminal.conclude()
    return 0 if terminal.ended()["success"] else 1


def _run(body: Mapping[str, Any], mode: Mode, show: Shown) -> None:
    host = client.find_running()
    if host is None:
        alone().run(body, mode, show)
        return
    with host:
        for kind, data in host.events("POST", PATHS[mode], body):
            show(kind, data)


def alone() -> Any:
    """What is done where no host is running."""
    return importlib.import_module(ALONE)
