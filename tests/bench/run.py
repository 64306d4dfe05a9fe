"""Measures, and prints one table: `make bench`, or `make bench ARGS="--only execute --json"`.

Every module beside this one that has `rows()` is a chapter; those that take long are measured only when asked for.
Rows that are compared were taken in turns, in one run.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.bench.measure import Row

HERE = Path(__file__).parent
FRAME = {"run", "measure", "server"}
LONG = {"endurance"}
COLUMNS = ("what", "median", "p99", "unit", "ratio", "note")


def main(arguments: Sequence[str] | None = None) -> int:
    chapters = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in FRAME)
    parser = argparse.ArgumentParser(prog="make bench", description="Measure.")
    parser.add_argument("--only", action="append", choices=chapters, help="this chapter; may be repeated")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args(arguments)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    console = Console(stderr=asked.json)
    console.print(machine)
    taken: dict[str, list[Row]] = {}
    for chapter in asked.only or [name for name in chapters if name not in LONG]:
        console.print(f"{chapter}…")
        taken[chapter] = list(importlib.import_module(f"tests.bench.{chapter}").rows())
    if asked.json:
        rows = [{"chapter": chapter, **_with_ratio(row, taken[chapter])} for chapter in taken for row in taken[chapter]]
        print(json.dumps({"machine": machine, "rows": rows}, indent=2))
    else:
        console.print(_table(taken))
    return 0


def _table(taken: dict[str, list[Row]]) -> Table:
    table = Table()
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in ("median", "p99", "ratio") else "left")
    for chapter, rows in taken.items():
        table.add_section()
        table.add_row(f"[bold]{chapter}[/bold]")
        for row in rows:
            ratio = _ratio(row, rows)
            table.add_row(
                row.name,
                _shown(row.value),
                "" if row.p99 is None else _shown(row.p99),
                row.unit,
                "" if ratio is None else f"{ratio:.3g} × {row.to}",
                row.note,
            )
    return table


def _with_ratio(row: Row, rows: Sequence[Row]) -> dict[str, object]:
    return {**dataclasses.asdict(row), "ratio": _ratio(row, rows)}


def _ratio(row: Row, rows: Sequence[Row]) -> float | None:
    base = next((other.value for other in rows if other.name == row.to), None)
    return row.value / base if base else None


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
