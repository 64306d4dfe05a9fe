"""Jobs: what Pulse does, has done and is about to do."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import click

from qntx.cli import client, tables
from qntx.cli.options import json_lines_option, json_option
from qntx.cli.printing import printable

SHOWN = 80
"""Characters of a cell; ids are shown in full."""
COLUMNS = ("id", "status", "handler", "source", "by", "progress", "created", "note")
STATES = ("queued", "running", "paused", "completed", "failed", "cancelled")


@click.group("job")
def command() -> None:
    """List, follow, cancel, pause, resume and retry jobs."""


@command.command("list")
@click.option("--status", type=click.Choice(STATES), multiple=True, help="Only these. May be repeated.")
@click.option("--handler", default="", metavar="PLUGIN/HANDLER", help="Only jobs of this handler.")
@click.option("--limit", "-n", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
def list_jobs(status: tuple[str, ...], handler: str, limit: int, as_json: bool) -> None:
    """The newest jobs."""
    with client.find() as host:
        found = host.get("/api/pulse/jobs", status=",".join(status), handler_name=handler, limit=limit)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    print_jobs(found["jobs"])


@command.command("show")
@click.argument("job_id")
@json_option
def show(job_id: str, as_json: bool) -> None:
    """All about one job."""
    with client.find() as host:
        job = host.get(_path(job_id))
    if as_json:
        click.echo(json.dumps(job, indent=2, ensure_ascii=False))
        return
    tables.facts(job)


@command.command("logs")
@click.argument("job_id")
@click.option("--follow", "-f", is_flag=True, help="Stay until the job has ended.")
@json_lines_option
def logs(job_id: str, follow: bool, as_json: bool) -> None:
    """What a job wrote, and how its runs ended."""
    with client.find() as host:
        if not follow:
            after = 0
            while lines := host.get(f"{_path(job_id)}/logs", after=after):
                after = lines[-1]["number"]
                for line in lines:
                    _print_line(line, as_json)
            return
        for kind, data in host.events("GET", f"{_path(job_id)}/logs?follow=true"):
            if kind == "line":
                _print_line(data, as_json)


@command.command("children")
@click.argument("job_id")
@json_option
def children(job_id: str, as_json: bool) -> None:
    """The jobs that a job enqueued."""
    with client.find() as host:
        found = host.get(f"{_path(job_id)}/children")
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print_jobs(found["jobs"])


def print_jobs(jobs: list[dict[str, Any]]) -> None:
    rows = []
    for job in jobs:
        note = job["error"].strip().rpartition("\n")[2] or job["waiting_for"]
        created = job["created_at"][:19].replace("T", " ")
        told = (job["handler_name"], job["source"], job["principal"], progress_of(job), created, note)
        rows.append((job["id"], job["status"], *(cell[:SHOWN] for cell in told)))
    tables.show(COLUMNS, rows)


def progress_of(job: dict[str, Any]) -> str:
    progress = job["progress"]
    if not progress["total"]:
        return progress["message"] or ""
    return f"{100 * progress['current'] / progress['total']:.0f}% {progress['message']}".rstrip()


def _move(name: str, does: str) -> click.Command:
    def move(job_id: str) -> None:
        with client.find() as host:
            job = host.post(f"{_path(job_id)}/{name}")
        click.echo(f"{job['id']} is {job['status']}")

    move.__doc__ = does
    return click.command(name)(click.argument("job_id")(move))


for _name, _does in (
    ("cancel", "Stop a job, running or not."),
    ("pause", "Stop a job and keep it for later."),
    ("resume", "Let a paused job go on, from its start."),
    ("retry", "Run a job that failed or was cancelled once more."),
):
    command.add_command(_move(_name, _does))


def _print_line(line: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(line, ensure_ascii=False))
    else:
        click.echo(f"{line['timestamp'][11:23]} {line['level']:<7} {printable(line['message'])}")


def _path(job_id: str) -> str:
    return f"/api/pulse/jobs/{quote(job_id, safe='')}"
