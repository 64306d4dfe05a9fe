"""qntx run: a file, or standard input, under a glyph."""

from __future__ import annotations

import json
from typing import Any

import click

from qntx.cli import sources
from qntx.cli.running import perform
from qntx.model.execution import Mode

glyph_option = click.option("--glyph", default="py", show_default=True, help="Which variant: py, py:bio, py:data, …")
timeout_option = click.option("--timeout", type=click.FloatRange(min=0), help="Seconds. [default: the variant's own]")
session_option = click.option("--session", default="", help="Keep the variables under this name for the next run.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the whole answer as JSON, at the end.")


@click.command("run")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@glyph_option
@timeout_option
@session_option
@click.option("--upstream", help="JSON that the script sees as `upstream`.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    file: str,
    glyph: str,
    timeout: float | None,
    session: str,
    upstream: str | None,
    as_json: bool,
) -> None:
    """Run the Python in FILE, or what comes on standard input for `-`.

    The output appears while it runs. Without a running host, the plugin is started for this one call.
    """
    code = perform(
        sources.read(file),
        Mode.EXECUTE,
        glyph=glyph,
        timeout_seconds=timeout,
        session_id=session,
        upstream=_json(upstream),
        as_json=as_json,
    )
    context.exit(code)


def _json(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"is not JSON: {error}", param_hint="--upstream") from error
