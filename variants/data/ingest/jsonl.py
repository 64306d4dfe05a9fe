"""JSON lines: which keys there are, how often, and of what types.

`ix jsonl events.jsonl [more.jsonl.gz …]`. Read line by line, so memory stays flat. A line that is no JSON object is
attested as malformed and the rest goes on.
"""

import gzip
import json
import os

from qntx import attest, log, progress

LINE_BYTES_MAX = 64 << 20
PROGRESS_EVERY_LINES = 20_000
MALFORMED_ATTESTED_MAX = 1_000
TYPES = {
    str: "text",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "list",
    dict: "object",
    type(None): "null",
}


class Key:
    def __init__(self):
        self.count = 0
        self.types = {}
        self.low = self.high = None

    def add(self, value):
        self.count += 1
        name = TYPES[type(value)]
        self.types[name] = self.types.get(name, 0) + 1
        if name in ("integer", "number") and value == value:
            self.low = value if self.low is None else min(self.low, value)
            self.high = value if self.high is None else max(self.high, value)

    def facts(self, rows):
        facts = {"rows": rows, "present": self.count, "types": dict(sorted(self.types.items()))}
        return {**facts, "min": self.low, "max": self.high} if self.low is not None else facts


def execute(payload):
    files = payload.get("inputs") or [payload["input"]]
    return {"files": [_ingest(path) for path in files]}


def _ingest(path):
    name, size = os.path.basename(path), os.path.getsize(path)
    keys, rows, malformed = {}, 0, 0
    with open(path, "rb") as raw:
        lines = gzip.open(raw) if path.endswith(".gz") else raw
        for number, line in enumerate(iter(lambda: lines.readline(LINE_BYTES_MAX), b""), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError(f"a JSON object is wanted, not {TYPES[type(row)]}")
            except (ValueError, RecursionError) as fault:
                malformed += 1
                _malformed(name, number, fault, malformed)
                continue
            rows += 1
            for key, value in row.items():
                if key not in keys:
                    keys[key] = Key()
                keys[key].add(value)
            if rows % PROGRESS_EVERY_LINES == 0:
                progress(raw.tell(), size, f"{name}: {rows} rows")
    schema = {key: "/".join(sorted(found.types)) for key, found in keys.items()}
    attest([name], ["table:ingested"], ["jsonl"], attributes={"rows": rows, "malformed": malformed, "columns": schema})
    for key, found in keys.items():
        attest([f"{name}#{key}"], ["column:profiled"], [name], attributes=found.facts(rows))
    progress(size, size, f"{name}: {rows} rows")
    return {"file": name, "rows": rows, "malformed": malformed, "columns": schema}


def _malformed(name, number, fault, count):
    if count == MALFORMED_ATTESTED_MAX + 1:
        log(
            f"{name}: more than {MALFORMED_ATTESTED_MAX} lines are malformed; the rest is only counted", level="warning"
        )
    if count <= MALFORMED_ATTESTED_MAX:
        log(f"{name}, line {number}: {fault}", level="warning")
        attest([f"{name}:{number}"], ["row:malformed"], [name], attributes={"line": number, "fault": str(fault)})
