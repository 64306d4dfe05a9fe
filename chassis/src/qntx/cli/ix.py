"""Ingests: `qntx ix TYPE INPUT…` runs the script of that type on that input."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

from qntx.cli import client
from qntx.cli.printing import printable, printable_lines
from qntx.cli.progress import bars
from qntx.errors import Refused


@click.command("ix", context_settings={"ignore_unknown_options": True})
@click.option("--detach", is_flag=True, help="Print the job's id and leave it to Pulse.")
@click.option("--json", "as_json", is_flag=True, help="Print the job as JSON when it has ended.")
@click.option("--script-version", type=click.IntRange(1), help="Run this version instead of the newest.")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="TYPE INPUT…")
def command(words: Sequence[str], detach: bool, as_json: bool, script_version: int | None) -> None:
    """Ingest INPUT with the script of its TYPE; an address or a path alone means git. Ctrl-C stops it."""
    with client.find() as host:
        body: dict[str, Any] = {"words": [_absolute(word) for word in words]}
        if script_version is not None:
            body["version"] = script_version
        job = host.post("/api/ix", body)
        if detach:
            click.echo(json.dumps(job, indent=2) if as_json else job["id"])
            return
        try:
            job = _watched(host, job, quiet=as_json)
        except KeyboardInterrupt:
            with suppress(Refused):  # it has ended just now
                host.post(f"{_path(job['id'])}/cancel")
            raise
    if as_json:
        click.echo(json.dumps(job, indent=2, ensure_ascii=False))
    elif job["status"] == "completed":
        click.echo(json.dumps(job["result"], indent=2, ensure_ascii=False))
    if job["status"] != "completed":
        raise Refused(printable_lines(job["error"]) or f"job {job['id']} was {job['status']}")


def _watched(host: client.Client, job: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """The job when it has ended; until then its progress and its lines are shown."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with bars(*columns, shown=not quiet) as progress:
        bar = progress.add_task("queued", total=None)
        for kind, data in _events(host, job["id"]):
            if kind == "line" and data["stage"] != "summary" and not quiet:
                progress.console.print(printable(data["message"]), markup=False, highlight=False)
            elif kind == "progress":
                told = data["progress"]
                progress.update(
                    bar,
                    description=printable(told["message"] or data["waiting_for"] or data["status"]),
                    completed=told["current"],
                    total=told["total"],
                )
            elif kind == "job":
                job = data
    return job


def _events(host: client.Client, job_id: str) -> Iterator[tuple[str, Any]]:
    return host.events("GET", f"{_path(job_id)}/logs?follow=true")


def _path(job_id: str) -> str:
    return f"/api/pulse/jobs/{quote(job_id, safe='')}"


def _absolute(word: str) -> str:
    """The host may work in another folder, so what names a file here is sent in full."""
    if word.startswith("-") or "://" in word:
        return word
    path = Path(word).expanduser()
    return str(path.absolute()) if path.exists() else word
