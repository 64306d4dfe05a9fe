"""CSV: the schema, and a profile of every column.

`ix csv data.csv [more.csv.gz …]`, with `--separator ';'` where it is not found by itself and `--encoding latin-1` where
it is not UTF-8. Read in chunks, so memory stays flat. Lines with too many fields are attested as malformed and skipped.
"""

import csv
import os
import re
import warnings

import pandas as pd

from qntx import attest, log, progress

CHUNK_ROWS = 50_000
SNIFF_BYTES = 64 << 10
DISTINCT_MAX = 10_000
COMMON = 5
TEXT_MAX = 200
"""Characters kept of a value; those that differ only after them count as one."""
SKIPPED = re.compile(r"Skipping line (\d+): (.*?)(?:\n|$)")


class Column:
    """A profile that grows by chunks: counts, range, and mean and variance by Chan's merging rule."""

    def __init__(self, name):
        self.name = name
        self.count = self.missing = 0
        self.kinds = set()
        self.low = self.high = None
        self.mean = self.squares = 0.0
        self.numbers = 0
        self.values = {}
        self.overflow = False

    def add(self, series):
        present = series.dropna()
        self.count += len(series)
        self.missing += len(series) - len(present)
        if present.empty:
            return
        kind = _kind(present)
        self.kinds.add(kind)
        if kind in ("integer", "number"):
            self._add_numbers(present)
        self._extend_range(present.min() if kind != "mixed" else None, present.max() if kind != "mixed" else None)
        self._count_values(present)

    def facts(self):
        facts = {"type": self._type(), "rows": self.count, "missing": self.missing}
        facts["distinct"] = f"more than {DISTINCT_MAX}" if self.overflow else len(self.values)
        if self.low is not None:
            facts["min"], facts["max"] = self.low, self.high
        if self.numbers and self._type() in ("integer", "number"):
            facts["mean"] = self.mean
            facts["std"] = (self.squares / (self.numbers - 1)) ** 0.5 if self.numbers > 1 else 0.0
        if not self.overflow:
            common = sorted(self.values.items(), key=lambda item: (-item[1], item[0]))[:COMMON]
            facts["common"] = [{"value": value, "count": count} for value, count in common]
        return facts

    def _type(self):
        if not self.kinds:
            return "empty"
        if self.kinds <= {"integer", "number"}:
            return "number" if "number" in self.kinds else "integer"
        return next(iter(self.kinds)) if len(self.kinds) == 1 else "text"

    def _add_numbers(self, present):
        numbers = present.astype(float)
        count, mean = len(numbers), numbers.mean()
        squares = ((numbers - mean) ** 2).sum()
        delta, total = mean - self.mean, self.numbers + count
        self.mean += delta * count / total
        self.squares += squares + delta**2 * self.numbers * count / total
        self.numbers = total

    def _extend_range(self, low, high):
        low, high = _plain(low), _plain(high)
        if low is None:
            return
        if self.low is None:
            self.low, self.high = low, high
        elif isinstance(low, str) == isinstance(self.low, str):
            self.low, self.high = min(self.low, low), max(self.high, high)
        else:
            self.low, self.high = min(str(self.low), str(low)), max(str(self.high), str(high))

    def _count_values(self, present):
        if self.overflow:
            return
        for value, count in present.astype(str).str.slice(0, TEXT_MAX).value_counts().items():
            self.values[value] = self.values.get(value, 0) + int(count)
        if len(self.values) > DISTINCT_MAX:
            self.overflow, self.values = True, {}


def execute(payload):
    files = payload.get("inputs") or [payload["input"]]
    options = payload.get("options") or {}
    return {"files": [_ingest(path, options) for path in files]}


def _ingest(path, options):
    name, size = os.path.basename(path), os.path.getsize(path)
    columns, malformed = {}, 0
    with open(path, "rb") as raw, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", pd.errors.ParserWarning)
        for chunk in _chunks(raw, path, options):
            for label in chunk.columns:
                columns.setdefault(str(label), Column(str(label))).add(chunk[label])
            malformed += _report(warned, name)
            progress(
                min(raw.tell(), size), size, f"{name}: {next(iter(columns.values())).count if columns else 0} rows"
            )
        malformed += _report(warned, name)
    rows = next(iter(columns.values())).count if columns else 0
    schema = {column.name: column.facts()["type"] for column in columns.values()}
    attest([name], ["table:ingested"], ["csv"], attributes={"rows": rows, "malformed": malformed, "columns": schema})
    for column in columns.values():
        attest([f"{name}#{column.name}"], ["column:profiled"], [name], attributes=column.facts())
    progress(size, size, f"{name}: {rows} rows")
    return {"file": name, "rows": rows, "malformed": malformed, "columns": schema}


def _chunks(raw, path, options):
    encoding = options.get("encoding", "utf-8")
    compression = "gzip" if path.endswith(".gz") else None
    separator = options.get("separator") or ("," if compression else _separator(raw, encoding))
    try:
        yield from pd.read_csv(
            raw,
            sep=separator,
            encoding=encoding,
            encoding_errors="replace",
            compression=compression,
            chunksize=CHUNK_ROWS,
            on_bad_lines="warn",
            low_memory=True,
        )
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty: there is not even a line with column names") from None
    except pd.errors.ParserError as fault:
        raise ValueError(f"{path} cannot be read further: {fault}") from fault


def _separator(raw, encoding):
    sample = raw.read(SNIFF_BYTES).decode(encoding, "replace")
    raw.seek(0)
    try:
        return csv.Sniffer().sniff(sample, delimiters=",;\t|").delimiter
    except csv.Error:
        return ","


def _report(warned, name):
    """Attest the lines that were skipped since the last time; how many there were."""
    skipped = [match for warning in warned for match in SKIPPED.findall(str(warning.message) + "\n")]
    warned.clear()
    for line, fault in skipped:
        log(f"{name}, line {line}: {fault}", level="warning")
        attest([f"{name}:{line}"], ["row:malformed"], [name], attributes={"line": int(line), "fault": fault})
    return len(skipped)


def _kind(present):
    if pd.api.types.is_bool_dtype(present):
        return "boolean"
    if pd.api.types.is_integer_dtype(present):
        return "integer"
    if pd.api.types.is_numeric_dtype(present):
        return "number"
    return "mixed" if present.map(type).nunique() > 1 else "text"


def _plain(value):
    value = value.item() if hasattr(value, "item") else value
    return value[:TEXT_MAX] if isinstance(value, str) else value
