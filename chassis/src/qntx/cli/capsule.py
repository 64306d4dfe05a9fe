"""The audit trail at the command line: shown, verified, exported, stated and proven.

Works on the database itself, whether or not a host is running.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from qp_capsule.capsule import Capsule, CapsuleType, to_stored_sealed_dict
from rich.console import Console
from rich.table import Table

from qntx.capsules import Capsules, ChainVerificationResult, Level, Seal
from qntx.capsules.cps import PUBLIC_KEY_BYTES
from qntx.cli import tables
from qntx.cli.options import json_option
from qntx.errors import NotFound
from qntx.host import config as configuration
from qntx.host.home import Home

Answer = TypeVar("Answer")

PAGE = 500
COUNT_MAX = 2**62


@click.group(help="Show, verify, export and prove what ran.")
@click.option(
    "--db",
    metavar="PATH|URL",
    help="The SQLite file or postgresql:// URL; by default host.database, else QNTX_HOME/capsules.db.",
)
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The signing key; by default QNTX_HOME/keys/key.",
)
@click.option("--tenant", help="The chain of this tenant (PostgreSQL).")
@click.pass_context
def command(context: click.Context, db: str | None, key: Path | None, tenant: str | None) -> None:
    home = Home.find()
    address = db or configuration.load(home).host.database or str(home.capsules)
    context.obj = Trail(address, key or home.keys / "key", tenant)


class Trail:
    """What the subcommands work on."""

    def __init__(self, address: str, key: Path, tenant: str | None) -> None:
        self._address = address
        self._key = key
        self.tenant = tenant

    def ask(self, work: Callable[[Capsules], Awaitable[Answer]]) -> Answer:
        """Open, do this, and close."""
        if "://" not in self._address and not Path(self._address).exists():
            raise NotFound(f"{self._address} is not there: nothing has been sealed, or it is elsewhere (--db)")

        async def asked() -> Answer:
            capsules = Capsules(self._address, seal=Seal(self._key))
            try:
                return await work(capsules)
            finally:
                await capsules.close()

        return asyncio.run(asked())


@command.command("list", help="The newest capsules.")
@click.option("--limit", type=click.IntRange(1, COUNT_MAX), default=20, show_default=True)
@click.option("--offset", type=click.IntRange(0, COUNT_MAX), default=0)
@click.option("--type", "kind", type=click.Choice([kind.value for kind in CapsuleType]))
@json_option
@click.pass_obj
def list_(trail: Trail, limit: int, offset: int, kind: str | None, as_json: bool) -> None:
    wanted = CapsuleType(kind) if kind else None
    found = trail.ask(lambda capsules: capsules.storage.list(limit, offset, wanted, trail.tenant))
    if as_json:
        _print_json([to_stored_sealed_dict(capsule) for capsule in found])
        return
    tables.show(("#", "id", "when", "type", "source", "status", "ms", "summary"), [_row(each) for each in found])


@command.command(help="One capsule, whole.")
@click.argument("capsule_id")
@click.pass_obj
def show(trail: Trail, capsule_id: str) -> None:
    capsule = trail.ask(lambda capsules: capsules.storage.get(capsule_id, trail.tenant))
    if capsule is None:
        raise NotFound(f"there is no capsule {capsule_id}")
    _print_json(to_stored_sealed_dict(capsule))


@command.command(
    help="Verify that all is as it was sealed. And that all that was started has a record; exit code 1 if not."
)
@click.option("--level", type=click.Choice([level.value for level in Level]), default=Level.SIGNATURES.value)
@click.option("--checkpoint", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="One kept elsewhere.")
@click.option("--pubkey", help="Trust this Ed25519 key alone, in hexadecimal.")
@click.option("--incremental", is_flag=True, help="Only what came since the last good verification.")
@json_option
@click.pass_context
def verify(
    context: click.Context,
    level: str,
    checkpoint: Path | None,
    pubkey: str | None,
    incremental: bool,
    as_json: bool,
) -> None:
    trail: Trail = context.obj
    # What is no text is no checkpoint, and is said to be none as any other text would be.
    note = checkpoint.read_text(errors="replace") if checkpoint is not None else None
    public_key = _public_key(pubkey) if pubkey else None
    result = trail.ask(
        lambda capsules: capsules.verify(
            trail.tenant, level=Level(level), checkpoint=note, public_key=public_key, incremental=incremental
        )
    )
    if as_json:
        _print_json(result.to_dict())
    else:
        _print_verdicts(result)
    if not result.valid or result.complete is False:
        context.exit(1)


@command.command(help="Every capsule, first to last, one JSON object a line.")
@click.option("--output", type=click.File("w", encoding="utf-8", atomic=True), default="-")
@click.pass_obj
def export(trail: Trail, output: Any) -> None:
    async def write(capsules: Capsules) -> None:
        after = -1
        while page := await capsules.chain.storage.page(after, PAGE, trail.tenant):
            for record in page:
                envelope = {
                    "hash": record.hash,
                    "signature": record.signature,
                    "signature_pq": record.signature_pq,
                    "signed_at": record.signed_at,
                    "signed_by": record.signed_by,
                }
                document = json.loads(record.data)
                output.write(json.dumps({**document, **envelope}, ensure_ascii=False) + "\n")
            after = page[-1].sequence

    trail.ask(write)


@command.command(help="A signed statement of the chain's length and root. Keep it elsewhere.")
@click.pass_obj
def checkpoint(trail: Trail) -> None:
    click.echo(trail.ask(lambda capsules: capsules.chain.checkpoint(trail.tenant)), nl=False)


@command.command(help="The proof that a capsule is in the chain. With SIZE, as it was with so many records.")
@click.argument("capsule_id")
@click.option("--size", type=click.IntRange(1, COUNT_MAX))
@click.pass_obj
def proof(trail: Trail, capsule_id: str, size: int | None) -> None:
    made = trail.ask(lambda capsules: capsules.chain.inclusion(capsule_id, trail.tenant, size=size))
    _print_json(made.to_dict())


def _public_key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise click.BadParameter(f"{text} is not hexadecimal", param_hint="--pubkey") from error
    if len(key) != PUBLIC_KEY_BYTES:
        said = f"{text} has {len(key)} bytes; an Ed25519 key has {PUBLIC_KEY_BYTES}"
        raise click.BadParameter(said, param_hint="--pubkey")
    return key


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _row(capsule: Capsule) -> tuple[str, ...]:
    outcome = capsule.outcome
    return (
        str(capsule.sequence),
        str(capsule.id),
        capsule.trigger.timestamp.isoformat(sep=" ", timespec="seconds"),
        capsule.type.value,
        capsule.trigger.source,
        outcome.status,
        str(capsule.execution.duration_ms),
        outcome.summary or (outcome.error or "").partition("\n")[0],
    )


def _print_verdicts(result: ChainVerificationResult) -> None:
    table = Table("verdict", "", "what was found", show_header=False)
    good, bad, unasked = "[green]yes[/green]", "[red]no[/red]", "[dim]not asked[/dim]"
    found = f"{result.capsules_verified} capsules, {result.level}"
    table.add_row("intact", good if result.valid else bad, result.error or found)
    runs = f"{result.started} runs started, {result.sealed} sealed, {result.failed} failed, {result.running} going on"
    complete = unasked if result.complete is None else good if result.complete else bad
    table.add_row("complete", complete, result.incomplete or runs)
    Console().print(table)
