"""qntx migrate: from this machine's files to a PostgreSQL database that several hosts can share."""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn

from qntx.cli.options import json_option
from qntx.cli.progress import bars
from qntx.cli.tables import show
from qntx.db.postgres import address
from qntx.errors import Refused
from qntx.host.home import Home
from qntx.host.migrate.migration import Report, Told, move

HEADER = re.compile(r"^\[host\][ \t]*(#.*)?$", re.MULTILINE)
SETTING = re.compile(r"^[ \t]*database[ \t]*=.*$", re.MULTILINE)
SECTION = re.compile(r"^[ \t]*\[", re.MULTILINE)


@click.command("migrate")
@click.option("--to", "url", required=True, metavar="URL", help="postgresql://USER:PASSWORD@MACHINE/DATABASE")
@click.option("--keep-config", is_flag=True, help="Do not write the address into am.toml.")
@json_option
def command(url: str, keep_config: bool, as_json: bool) -> None:
    """Move attestations, watchers, the canvas, jobs, schedules and the audit trail to PostgreSQL.

    The database has to be there, empty, and made with ENCODING 'UTF8'. The files stay as they are. Stopped in the
    middle, it goes on when it is called again.
    """
    home = Home.find()
    plain = address(url)
    with _progress() as told:
        report = asyncio.run(move(home, plain, told))
    written = None if keep_config else _configured(home, plain)
    if as_json:
        click.echo(json.dumps(asdict(report) | {"config": str(written or "")}, indent=2))
    else:
        _print(report, written)


def _configured(home: Home, url: str) -> Path:
    """Name the database in the home's am.toml, which only its owner may read from then on: there may be a password."""
    file = home.config
    text = with_database(file.read_text() if file.exists() else "", url)
    if tomllib.loads(text)["host"]["database"] != url:
        raise Refused(
            f"{file} is written in a way that is not for a program to change: put {_setting(url)} under [host]"
        )
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text)
    return file


def with_database(text: str, url: str) -> str:
    """The configuration with that database in its section [host], and everything else as it was."""
    setting = _setting(url)
    header = HEADER.search(text)
    if header is None:
        return f"{text.rstrip()}\n\n[host]\n{setting}\n".lstrip()
    following = SECTION.search(text, header.end())
    end = following.start() if following else len(text)
    section = text[header.end() : end]
    section, known = SETTING.subn(lambda _: setting, section, count=1)
    if not known:
        section = f"\n{setting}{section}"
    return text[: header.end()] + section + text[end:]


def _setting(url: str) -> str:
    return f"database = {json.dumps(url, ensure_ascii=False)}"


def _print(report: Report, written: Path | None) -> None:
    if report.earlier:
        click.echo(f"Everything was migrated at {report.earlier}; nothing was left to do.")
    else:
        rows = [(what, f"{count:,}") for what, count in report.rows.items()]
        show(("moved", "rows"), rows)
        click.echo("Both sides were read again and are the same.")
        click.echo(f"All attestations, SHA-256: {report.digest}")
        if report.trail:
            click.echo(f"The audit trail is {report.trail}; its root: {report.root}")
    if written is not None:
        click.echo(f"{written} names the database: `qntx up` works with it from now on.")
    else:
        click.echo('To work with it, put `database = "…"` under [host] of am.toml, or set QNTX_DATABASE.')


@contextmanager
def _progress() -> Iterator[Told]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with bars(*columns) as shown:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what)
            shown.update(tasks[what], completed=done, total=total)

        yield told
