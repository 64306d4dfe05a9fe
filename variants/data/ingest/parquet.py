"""Parquet: the schema, and a profile of every column from the file's own statistics.

`ix parquet data.parquet [more.parquet …]`. Only the footer is read, whatever the size of the file, except for the
missing values of columns that carry no statistics, which are counted a row group at a time.
"""

import os

import pyarrow.parquet as pq

from qntx import attest, progress

TEXT_MAX = 200
"""Characters kept of a value."""


def execute(payload):
    files = payload.get("inputs") or [payload["input"]]
    found = []
    for done, path in enumerate(files):
        progress(done, len(files), os.path.basename(path))
        found.append(_ingest(path))
    progress(len(files), len(files), "")
    return {"files": found}


def _ingest(path):
    name = os.path.basename(path)
    with pq.ParquetFile(path) as file:
        footer = file.metadata
        schema = {field.name: str(field.type) for field in file.schema_arrow}
        facts = {"rows": footer.num_rows, "row_groups": footer.num_row_groups, "columns": schema}
        attest([name], ["table:ingested"], ["parquet"], attributes={**facts, "created_by": footer.created_by})
        for index in range(footer.num_columns):
            chunks = [footer.row_group(group).column(index) for group in range(footer.num_row_groups)]
            column = footer.schema.column(index).path
            attest([f"{name}#{column}"], ["column:profiled"], [name], attributes=_profile(chunks, footer, column, file))
    return {"file": name, **facts}


def _profile(chunks, footer, column, file):
    known = [chunk.statistics for chunk in chunks if chunk.is_stats_set]
    facts = {
        "type": chunks[0].physical_type if chunks else "empty",
        "rows": footer.num_rows,
        "bytes": sum(chunk.total_compressed_size for chunk in chunks),
        "compression": sorted({chunk.compression for chunk in chunks}),
    }
    if len(known) == len(chunks) and all(stats.has_null_count for stats in known):
        facts["missing"] = sum(stats.null_count for stats in known)
    else:
        facts["missing"] = sum(
            file.read_row_group(group, columns=[column]).column(0).null_count for group in range(len(chunks))
        )
    ranged = [stats for stats in known if stats.has_min_max]
    if ranged and len(ranged) == len(chunks):
        facts["min"], facts["max"] = (
            _plain(min(stats.min for stats in ranged)),
            _plain(max(stats.max for stats in ranged)),
        )
    return facts


def _plain(value):
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value if isinstance(value, int | float | bool) else str(value)[:TEXT_MAX]
