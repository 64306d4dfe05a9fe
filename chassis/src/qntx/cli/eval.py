"""qntx eval: the value of one expression."""

from __future__ import annotations

import click

from qntx.cli.run import glyph_option, json_option, session_option, timeout_option
from qntx.cli.running import perform
from qntx.model.execution import Mode


@click.command("eval")
@click.argument("expression")
@glyph_option
@timeout_option
@session_option
@json_option
@click.pass_context
def command(
    context: click.Context, expression: str, glyph: str, timeout: float | None, session: str, as_json: bool
) -> None:
    """Print the value of a Python EXPRESSION."""
    code = perform(expression, Mode.EVALUATE, glyph=glyph, timeout_seconds=timeout, session_id=session, as_json=as_json)
    context.exit(code)
