"""Handlers: scripts that run when something happens. Published as attestations, found by the plugins."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from qntx.cli import client, running, sources, tables
from qntx.cli.client import Client
from qntx.cli.options import json_option
from qntx.cli.printing import printable
from qntx.errors import ChassisError, InvalidScript, NotFound
from qntx.model.attestation import Draft
from qntx.script import declarations

CONTEXT = "python"
"""Whichever plugin is the default provider."""
HANDLER = "handler"
DELETED = "handler:deleted"
SOURCE = "qntx-cli"
FAILED = 1
VERSIONS_MAX = 1000
FIRES_MAX = 10
"""Of each watcher, as many as the host tells at once."""
COLUMNS = ("name", "plugin", "status", "triggers", "runs", "failures", "last")

plugin_option = click.option("--plugin", default="", help="Whose handler, where several plugins have one of that name.")


@click.group("handler")
def command() -> None:
    """Create handlers, see how they fare and run them by hand."""


@command.command("create")
@click.argument("name")
@click.option("--code", help="Its Python.")
@click.option("--file", "path", metavar="FILE", help="A file with its Python.")
@click.option("--context", default=CONTEXT, show_default=True, help="The plugin that runs it.")
def create(name: str, code: str | None, path: str | None, context: str) -> None:
    """Publish NAME, or its next version. It takes effect at once, or with the next host where none is running."""
    source = _source(code, path)
    try:
        declarations.read(source)
    except InvalidScript as fault:
        click.echo(f"Warning: the plugin will not load it: {fault}", err=True)
    attestation_id = _publish(name, context, source)
    click.echo(f"✓ Handler '{name}' created")
    click.echo(f"  ASID: {attestation_id}")
    click.echo(f"  Subject: [{name}]")
    click.echo(f"  Predicate: [{HANDLER}]")
    click.echo(f"  Context: [{context}]")
    click.echo(f"  Actor: [{name}] (self-certifying)")
    click.echo("  Attributes:")
    for line in json.dumps({"code": source}, indent=2, ensure_ascii=False).splitlines():
        click.echo(f"  {line}")


@command.command("list")
@json_option
def list_handlers(as_json: bool) -> None:
    """Every handler that a running plugin knows, and how it fares."""
    with client.find() as host:
        found = [{"plugin": plugin, **each} for plugin, each in _known(host)]
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    tables.show(COLUMNS, [_row(each) for each in found], none="There are none: qntx handler create NAME --code …")


@command.command("show")
@click.argument("name")
@click.option("--version", "attestation_id", default="", help="The id of an older version; `history` lists them.")
@json_option
def show(name: str, attestation_id: str, as_json: bool) -> None:
    """Print the code of NAME."""
    with client.find() as host:
        versions = _versions(host, name)
    chosen = [each for each in versions if each["id"] == attestation_id] if attestation_id else versions[:1]
    if not chosen or DELETED in chosen[0]["predicates"]:
        raise NotFound(f"there is no handler {name!r}" + (f" of version {attestation_id}" if attestation_id else ""))
    click.echo(json.dumps(chosen[0], indent=2, ensure_ascii=False) if as_json else chosen[0]["attributes"]["code"])


@command.command("delete")
@click.argument("name")
def delete(name: str) -> None:
    """Retire NAME: its watchers and schedules end, its history stays."""
    with client.find() as host:
        versions = _versions(host, name)
        if not versions or DELETED in versions[0]["predicates"]:
            raise NotFound(f"there is no handler {name!r}")
        for context in versions[0]["contexts"]:
            _attest(host, name, [HANDLER, DELETED], context, {})
    click.echo(f"✓ Handler '{name}' deleted")


@command.command("run")
@click.argument("name")
@click.option("--function", default="", help="Which of its functions; by default the one that is meant to be run.")
@click.option("--payload", help="JSON that it sees as `upstream`.")
@plugin_option
@json_option
@click.pass_context
def run(context: click.Context, name: str, function: str, payload: str | None, plugin: str, as_json: bool) -> None:
    """Run NAME now, as a job; its output appears while it runs."""
    given = _json(payload)
    with client.find() as host:
        owner, known = _one(host, name, plugin)
        address = known["handler_name"] + (f".{function}" if function else "")
        job = host.post("/api/pulse/jobs", {"handler_name": f"{owner}/{address}", "payload": given, "source": SOURCE})
        ended = _followed(host, job["id"], quiet=as_json)
    if as_json:
        click.echo(json.dumps(ended, indent=2, ensure_ascii=False))
    elif ended["status"] != "completed":
        click.echo(ended["error"], err=True)
    elif ended["result"] is not None:
        click.echo(json.dumps(ended["result"], indent=2, ensure_ascii=False))
    context.exit(0 if ended["status"] == "completed" else FAILED)


@command.command("logs")
@click.argument("name")
@click.option("--runs", "-n", type=click.IntRange(1, 100), default=1, show_default=True, help="Of the last so many.")
@plugin_option
@json_option
def logs(name: str, runs: int, plugin: str, as_json: bool) -> None:
    """What the last runs of NAME wrote, and how they ended."""
    with client.find() as host:
        owner, known = _one(host, name, plugin)
        addresses = {name, known["handler_name"], *(function["address"] for function in known["functions"])}
        jobs = [
            job
            for address in sorted(addresses)
            for job in host.get("/api/pulse/jobs", handler_name=f"{owner}/{address}", limit=runs)["jobs"]
        ]
        fired = list(_firings(host, owner, addresses, runs))
        told = sorted([*jobs, *fired], key=lambda run: str(run["created_at"]))[-runs:]
        for job in told:
            if "logs" not in job:
                job["logs"] = host.get(f"/api/pulse/jobs/{job['id']}/logs")
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    for job in told:
        click.echo(f"{job['created_at']}  {job['id']}  {job['status']}")
        for line in job["logs"]:
            click.echo(f"  {line['timestamp']} {line['level']:<5} {printable(line['message'])}")
        if job["error"]:
            click.echo(_indented(job["error"]))
    if not told:
        click.echo(f"{name} has not run yet, or is still being tried.", err=True)


@command.command("history")
@click.argument("name")
@json_option
def history(name: str, as_json: bool) -> None:
    """Every version of NAME that was published, newest first."""
    with client.find() as host:
        versions = _versions(host, name)
    if not versions:
        raise NotFound(f"there is no handler {name!r}")
    if as_json:
        click.echo(json.dumps(versions, indent=2, ensure_ascii=False))
        return
    rows = []
    for each in versions:
        code = (each.get("attributes") or {}).get("code")
        lines = "deleted" if code is None else str(len(code.splitlines()))
        rows.append((each["id"], each["timestamp"], ", ".join(each["contexts"]), ", ".join(each["actors"]), lines))
    tables.show(("id", "published", "contexts", "by", "lines"), rows)


def _source(code: str | None, path: str | None) -> str:
    if code is None and path is None:
        raise click.UsageError("either --code or --file must be provided")
    if code is not None and path is not None:
        raise click.UsageError("cannot specify both --code and --file")
    if code is not None:
        return code
    try:
        return sources.read(path or "")
    except OSError as fault:
        raise click.UsageError(f"failed to read file {path}: {fault}") from fault


def _publish(name: str, context: str, code: str) -> str:
    """The id of the attestation. As with QNTX's own command no host has to be there."""
    host = client.find_running()
    if host is None:
        click.echo("No host is running here: the next one takes it up.", err=True)
        draft = Draft([name], [HANDLER], [context], [name], {"code": code}, source=SOURCE)
        return str(running.alone().attest(draft).id)
    with host:
        return str(_attest(host, name, [HANDLER], context, {"code": code})["id"])


def _attest(host: Client, name: str, predicates: Sequence[str], context: str, attributes: Mapping[str, Any]) -> Any:
    body = {
        "subjects": [name],
        "predicates": predicates,
        "contexts": [context],
        "actors": [name],
        "source": SOURCE,
        "attributes": attributes,
    }
    return host.post("/api/attestations", body)


def _versions(host: Client, name: str) -> list[dict[str, Any]]:
    """What was published under that name, newest first; rows that hold no code and delete nothing are left out."""
    found = host.get("/api/attestations", subjects=name, predicates=HANDLER, limit=VERSIONS_MAX)
    return [
        each
        for each in found
        if each["subjects"][:1] == [name]
        and (DELETED in each["predicates"] or isinstance((each.get("attributes") or {}).get("code"), str))
    ]


def _known(host: Client) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each handler that a plugin has found, with the plugin's name."""
    for plugin in host.get("/api/plugins")["plugins"]:
        try:
            told = host.get(f"/api/{plugin['name']}/handlers")
        except ChassisError as refusal:
            click.echo(f"{plugin['name']} does not say which handlers it has: {refusal}", err=True)
            continue
        for each in told["handlers"]:
            yield plugin["name"], each


def _one(host: Client, name: str, plugin: str) -> tuple[str, dict[str, Any]]:
    found = [(owner, each) for owner, each in _known(host) if each["name"] == name and plugin in ("", owner)]
    if not found:
        raise NotFound(f"no running plugin has a handler {name!r}; qntx handler list shows those there are")
    if len(found) > 1:
        raise click.UsageError(f"several plugins have it: say --plugin {' or '.join(owner for owner, _ in found)}")
    return found[0]


def _firings(host: Client, plugin: str, addresses: Collection[str], runs: int) -> Iterator[dict[str, Any]]:
    """What watchers set off by those names, in the shape of jobs: the id is that of the attestation."""
    for watcher in host.get("/api/watchers", fires=min(runs, FIRES_MAX)):
        if watcher["action_type"] != "plugin_execute":
            continue
        action = json.loads(watcher["action_data"])
        if action["plugin_name"] != plugin or action["handler_name"] not in addresses:
            continue
        for fire in watcher["recent_fires"]:
            at = datetime.fromtimestamp(fire["at_ms"] / 1000, UTC).isoformat(timespec="microseconds")
            yield {
                "id": fire["attestation_id"],
                "created_at": at,
                "status": "failed" if fire["error"] else "completed",
                "watcher_id": watcher["id"],
                "attempts": fire["attempts"],
                "error": fire["error"],
                "logs": [{"timestamp": at, "level": "info", "message": line} for line in fire["output"].splitlines()],
            }


def _row(each: Mapping[str, Any]) -> list[str]:
    triggers = [
        *(f"on {', '.join(watch['predicates'])}" for function in each["functions"] for watch in function["watches"]),
        *(f"every {seconds} s" for function in each["functions"] for seconds in function["every_seconds"]),
    ]
    last = each["fault"] or next((run["error"] or run["outcome"] for run in each["last_runs"]), "")
    cells = each["name"], each["plugin"], each["status"], "; ".join(triggers), each["runs"], each["failures"], last
    return [str(cell) for cell in cells]


def _followed(host: Client, job_id: str, *, quiet: bool) -> Any:
    """Print the job's output until it has ended; the ended job."""
    for kind, told in host.events("GET", f"/api/pulse/jobs/{job_id}/logs?follow=true"):
        if kind == "job":
            return told
        if kind == "line" and not quiet and told["stage"] != "summary":
            click.echo(printable(told["message"]), err=told["stage"] == "stderr")
    return host.get(f"/api/pulse/jobs/{job_id}")


def _json(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError as fault:
        raise click.BadParameter(f"is not JSON: {fault}", param_hint="--payload") from fault


def _indented(text: str) -> str:
    return "\n".join(f"  {printable(line)}" for line in text.splitlines())
