"""qntx up: the host, in the foreground, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table

from qntx.host import config as configuration
from qntx.host import logs
from qntx.host.app import Host
from qntx.host.config import Config
from qntx.host.ending import Ending
from qntx.host.home import Home
from qntx.host.plugins.registry import Registry, State
from qntx.host.plugins.router import glyphs

SETTLE_TIMEOUT_SECONDS = 120.0
STOP_SECONDS = 15.0
"""How long it may take to stop, once running jobs have had their time to end."""

LEAVE_SECONDS = 5.0
"""And how long after everything of the host's own is closed."""

REFRESH_SECONDS = 0.2
STYLES = {
    State.LOADING: "yellow",
    State.RUNNING: "green",
    State.FAILED: "red",
    State.RESTARTING: "yellow",
    State.STOPPED: "dim",
}
EXAMPLES = {
    "py": "qntx eval '6 * 7'",
    "py:bio": "echo \"from Bio.Seq import Seq; print(Seq('ATGGCC').translate())\" | qntx run --glyph py:bio -",
    "py:data": "echo 'import pandas; print(pandas.Series([1, 2, 3]).describe())' | qntx run --glyph py:data -",
}


@click.command("up")
@click.option("--config", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="This am.toml.")
@click.option("--listen", metavar="ADDRESS[:PORT]", help="Both of the following at once.")
@click.option("--address", help="The address to listen on; off loopback, tokens are demanded. [default: host.address]")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 takes a free one. [default: host.port]")
@click.option("--insecure-http", is_flag=True, help="Answer other machines without TLS.")
@click.option("--database", metavar="URL", help="The PostgreSQL that hosts share. [default: host.database]")
@click.option("--plugin", "plugins", multiple=True, help="Start only this one; may be repeated.")
@click.option("--config-reference", is_flag=True, help="Print every configuration key, and do nothing else.")
def command(
    file: Path | None,
    listen: str | None,
    address: str | None,
    port: int | None,
    insecure_http: bool,
    database: str | None,
    plugins: tuple[str, ...],
    config_reference: bool,
) -> None:
    """Start the host and its plugins, until Ctrl-C."""
    if config_reference:
        click.echo(configuration.reference(), nl=False)
        return
    home = Home.find()
    config = configuration.load(home, named=file)
    told = _listened(listen) if listen else {}
    given = {"address": address, "port": port, "insecure_http": insecure_http or None, "database": database}
    told |= {name: value for name, value in given.items() if value is not None}
    config = replace(config, host=msgspec.structs.replace(config.host, **told))
    if plugins:
        config = replace(config, plugin=msgspec.structs.replace(config.plugin, enabled=list(plugins)))
    logs.configure(config.host.log_level)
    ending = Ending()
    try:
        asyncio.run(_up(config, home, ending))
    finally:
        if ending.begun:
            ending.within(LEAVE_SECONDS)


def _listened(text: str) -> dict[str, Any]:
    """An address, with a port or without: 0.0.0.0:8777, [::]:8777, 10.0.0.5."""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError as error:
        raise click.BadParameter(f"{text}: {error}", param_hint="--listen") from error
    if not parts.hostname or parts.netloc != text:
        raise click.BadParameter(f"{text!r} is not ADDRESS or ADDRESS:PORT", param_hint="--listen")
    return {"address": parts.hostname} | ({} if port is None else {"port": port})


async def _up(config: Config, home: Home, ending: Ending) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    console = Console()
    async with Host(config, home) as host:
        showing = asyncio.create_task(_show_start(console, host, config.host.default_provider))
        await stop.wait()
        ending.within(config.pulse.drain_seconds + STOP_SECONDS)
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        console.print("Stopping…")


async def _show_start(console: Console, host: Host, default_provider: str) -> None:
    """The plugins becoming ready, then what to try."""
    live = Live(_table(host.registry), console=console, auto_refresh=False, transient=not console.is_terminal)
    with live, suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_TIMEOUT_SECONDS):
            settled = asyncio.create_task(host.registry.settled())
            while not settled.done():
                await asyncio.wait({settled}, timeout=REFRESH_SECONDS)
                live.update(_table(host.registry), refresh=console.is_terminal)
    if not console.is_terminal:
        console.print(_table(host.registry))
    console.print(f"\nOpen [bold]{host.url}[/bold] in a browser. Ctrl-C ends it.", highlight=False)
    running = [plugin.name for plugin in host.registry if plugin.state is State.RUNNING]
    if not running:
        console.print("No plugin runs: `qntx variant sync` builds the family, `qntx doctor` says what is missing.")
        return
    examples = [EXAMPLES[glyph] for glyph in glyphs(running, default_provider) if glyph in EXAMPLES]
    for example in ["Try, in another terminal:", *(f"  {example}" for example in examples), "  qntx plugin list"]:
        console.print(example, markup=False, highlight=False, soft_wrap=True)


def _table(registry: Registry) -> Table:
    table = Table("plugin", "state", "version", "", box=None)
    for plugin in registry:
        state = f"[{STYLES[plugin.state]}]{plugin.state.value}[/]"
        table.add_row(plugin.name, state, plugin.metadata.version, plugin.message or plugin.metadata.description)
    return table
