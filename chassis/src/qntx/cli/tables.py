"""Rows for a person: a table where the terminal is wide enough for it, else a block for each row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from qntx.cli.printing import printable, printable_lines

LAST_LEAST = 24
"""Characters that the last column, the only one to be folded, must at least have."""
FRAME = 3
"""Characters of a column besides its text."""
FACT_MAX = 4000
"""Characters shown of one fact."""


def show(columns: Sequence[str], rows: Sequence[Sequence[str]], *, none: str = "There are none.") -> None:
    """Print them, or that there are none. A row is a stranger's text; no id is ever cut or folded in a table."""
    if not rows:
        click.echo(none, err=True)
        return
    console = Console()
    cells = [[printable(cell) for cell in row] for row in rows]
    if _width(columns, cells) <= console.width:
        console.print(_table(columns, cells))
    else:
        for row in cells:
            console.print(_block(columns, row))


def facts(told: Mapping[str, Any]) -> None:
    """Print all that is known of one thing, name and value."""
    width = max(map(len, told))
    for name, value in told.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        shown = printable_lines(text[:FACT_MAX]) if value not in (None, "") else "-"
        click.echo(f"{name:>{width}}  " + shown.replace("\n", "\n" + " " * (width + 2)))


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    widths = [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]
    return sum(widths[:-1]) + min(widths[-1], LAST_LEAST) + FRAME * len(columns) + 1


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table()
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _block(columns: Sequence[str], row: Sequence[str]) -> Padding:
    block = Table.grid(padding=(0, 2))
    block.add_column(no_wrap=True, style="dim")
    block.add_column(overflow="fold")
    for column, cell in zip(columns, row, strict=True):
        if cell:
            block.add_row(column, Text(cell))
    return Padding(block, (0, 0, 1, 0))
