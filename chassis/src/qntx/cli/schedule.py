"""Schedules: what Pulse fires, and when."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import click

from qntx.cli import client, tables
from qntx.cli.options import json_option

COLUMNS = ("id", "state", "every", "next", "last", "of", "by", "what")


@click.group("schedule")
def command() -> None:
    """List, make, pause, resume, delete and trigger schedules."""


@command.command("list")
@json_option
def list_schedules(as_json: bool) -> None:
    """All schedules, those of handlers too."""
    with client.find() as host:
        found = host.get("/api/pulse/schedules")
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    rows = [
        (
            one["id"],
            one["state"],
            _period(one),
            one["next_run_at"][:19].replace("T", " "),
            one["last_run_at"][:19].replace("T", " "),
            one["declared_by"],
            one["principal"],
            one["ats_code"] or one["handler_name"],
        )
        for one in found["jobs"]
    ]
    tables.show(COLUMNS, rows)


@command.command("create")
@click.argument("what")
@click.option("--every", type=float, metavar="SECONDS", help="The period.")
@click.option("--cron", help="A cron expression in UTC instead, such as '0 6 * * 1'.")
@click.option("--payload", default="null", help="JSON for a handler.")
@json_option
def create(what: str, every: float | None, cron: str | None, payload: str, as_json: bool) -> None:
    """Run WHAT every so often: an 'ix …' line, or PLUGIN/HANDLER."""
    if (every is None) == (cron is None):
        raise click.UsageError("say how often with --every SECONDS or --cron EXPRESSION")
    try:
        given = json.loads(payload)
    except ValueError as fault:
        raise click.BadParameter(f"is not JSON: {fault}", param_hint="--payload") from fault
    named = {"ats_code": what} if what.split()[:1] == ["ix"] else {"handler_name": what, "payload": given}
    period = {"cron": cron} if cron else {"interval_seconds": every}
    with client.find() as host:
        made = host.post("/api/pulse/schedules", named | period)
    click.echo(json.dumps(made, indent=2) if as_json else f"created {made['id']}: next at {made['next_run_at']}")


@command.command("pause")
@click.argument("schedule_id")
def pause(schedule_id: str) -> None:
    """Fire it no more until it is resumed."""
    _set_state(schedule_id, "paused")


@command.command("resume")
@click.argument("schedule_id")
def resume(schedule_id: str) -> None:
    """Let it fire again. What it missed is not made up for."""
    _set_state(schedule_id, "active")


@command.command("delete")
@click.argument("schedule_id")
def delete(schedule_id: str) -> None:
    """Delete it."""
    with client.find() as host:
        host.delete(_path(schedule_id))
    click.echo(f"deleted {schedule_id}")


@command.command("trigger")
@click.argument("schedule_id")
def trigger(schedule_id: str) -> None:
    """Fire it now, whatever its state."""
    with client.find() as host:
        job = host.post(f"{_path(schedule_id)}/trigger")
    click.echo(f"{job['id']} is {job['status']}")


def _set_state(schedule_id: str, state: str) -> None:
    with client.find() as host:
        changed = host.request("PATCH", _path(schedule_id), body={"state": state})
    click.echo(f"{changed['id']} is {changed['state']}")


def _period(one: dict[str, Any]) -> str:
    return str(one["cron"] or f"{one['interval_seconds']:g} s")


def _path(schedule_id: str) -> str:
    return f"/api/pulse/schedules/{quote(schedule_id, safe='')}"
