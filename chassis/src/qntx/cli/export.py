"""Attestations as a Parquet file, for pandas, polars, DuckDB and the like."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click
import pyarrow
from pyarrow import parquet
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from qntx.cli import client, filters
from qntx.cli.progress import bars

GROUP = 50_000
"""Rows that are held at a time, and written as one row group."""

TERMS = ("subjects", "predicates", "contexts", "actors")
TIME = pyarrow.timestamp("ms", tz="UTC")
SCHEMA = pyarrow.schema(
    [
        ("id", pyarrow.string()),
        *((field, pyarrow.list_(pyarrow.string())) for field in TERMS),
        ("timestamp", TIME),
        ("created_at", TIME),
        ("source", pyarrow.string()),
        ("attributes", pyarrow.string()),
        ("signature", pyarrow.binary()),
        ("signer_did", pyarrow.string()),
    ],
    metadata={"attributes": "JSON: their shapes differ from one attestation to the next"},
)


@click.command("export")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--subject", "-s", "subjects", multiple=True, help=filters.ANY)
@filters.of_attestations
def command(path: Path, **asked: Any) -> None:
    """Write the attestations that match, newest first, to PATH. The file appears once it is whole."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with client.find() as host:
            rows = _write(unfinished, host.lines("/api/attestations", **asked))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    click.echo(f"{rows} attestations in {path}")


def _write(path: Path, records: Iterator[Mapping[str, Any]]) -> int:
    rows = 0
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} attestations"), TimeElapsedColumn())
    with (
        parquet.ParquetWriter(path, SCHEMA, compression="zstd") as file,
        bars(*columns) as progress,
    ):
        shown = progress.add_task("")
        while group := [_row(record) for record in islice(records, GROUP)]:
            file.write_table(_table(group))
            rows += len(group)
            progress.update(shown, completed=rows)
    return rows


def _table(rows: Iterable[Mapping[str, Any]]) -> pyarrow.Table:
    return pyarrow.Table.from_pylist(list(rows), schema=SCHEMA)


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **record,
        "timestamp": datetime.fromisoformat(record["timestamp"]),
        "created_at": datetime.fromisoformat(record["created_at"]),
        "attributes": json.dumps(record.get("attributes", {}), ensure_ascii=False),
        "signature": base64.b64decode(record.get("signature", "")),
    }
