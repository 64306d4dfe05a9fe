"""FASTA: one attestation per record, with its length, GC content and alphabet.

`ix fasta genes.fa [more.fa.gz …]`. Reads line by line and keeps no sequence, so memory stays flat however long a record
or a file is. A record that is no sequence is attested as malformed and the rest goes on.
"""

import gzip
import os

from qntx import attest, log, progress

LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*-.")
NUCLEIC = frozenset(b"ACGTUNRYSWKMBDHVacgtunryswkmbdhv-.")
WHITESPACE = b" \t\r\n"
LINE_BYTES_MAX = 1 << 20
PROGRESS_EVERY_BYTES = 4 << 20


class Record:
    """What is kept of a record while its lines go by."""

    def __init__(self, header, line_number):
        words = header.split(None, 1)
        self.id = words[0] if words else ""
        self.description = words[1].strip() if len(words) > 1 else ""
        self.line_number = line_number
        self.length = self.gc = self.unknown = 0
        self.letters = set()

    def add(self, line):
        self.length += len(line)
        self.gc += line.count(b"G") + line.count(b"C") + line.count(b"g") + line.count(b"c")
        self.unknown += line.count(b"N") + line.count(b"n")
        self.letters.update(line)

    def fault(self):
        if not self.id:
            return "the header names no sequence"
        if not self.length:
            return "no sequence follows the header"
        strange = sorted(self.letters - LETTERS)
        return f"{bytes(strange[:8])!r} is no letter of a sequence" if strange else ""

    def facts(self):
        nucleic = self.letters <= NUCLEIC
        facts = {"length": self.length, "alphabet": "nucleotide" if nucleic else "protein"}
        if nucleic:
            known = self.length - self.unknown
            facts["gc_percent"] = round(100 * self.gc / known, 3) if known else None
        if self.description:
            facts["description"] = self.description
        return facts


def execute(payload):
    files = payload.get("inputs") or [payload["input"]]
    sizes = [os.path.getsize(path) for path in files]
    summary = {"files": len(files), "records": 0, "malformed": 0, "bases": 0}
    done = 0
    for path, size in zip(files, sizes, strict=True):
        _ingest(path, done, sum(sizes), summary)
        done += size
    progress(done, sum(sizes), f"{summary['records']} records")
    return summary


def _ingest(path, done, total, summary):
    name = os.path.basename(path)
    record, told = None, done
    with open(path, "rb") as raw:
        lines = gzip.open(raw) if path.endswith(".gz") else raw
        for number, line in enumerate(iter(lambda: lines.readline(LINE_BYTES_MAX), b""), start=1):
            if line.startswith(b">"):
                _close(record, name, summary)
                record = Record(line[1:].decode("utf-8", "replace"), number)
                if done + raw.tell() - told >= PROGRESS_EVERY_BYTES:
                    told = done + raw.tell()
                    progress(told, total, f"{name}: {summary['records']} records")
            elif record is not None:
                record.add(line.strip(WHITESPACE))
                if done + raw.tell() - told >= PROGRESS_EVERY_BYTES:
                    told = done + raw.tell()
                    progress(told, total, f"{name}: in {record.id}")
            elif line.strip(WHITESPACE):
                raise ValueError(f"{path}: line {number} is not FASTA: the first record starts with '>'")
    _close(record, name, summary)


def _close(record, name, summary):
    if record is None:
        return
    fault = record.fault()
    subject = record.id or f"{name}:{record.line_number}"
    if fault:
        summary["malformed"] += 1
        log(f"{name}, line {record.line_number}: {fault}", level="warning")
        attest([subject], ["sequence:malformed"], [name], attributes={"line": record.line_number, "fault": fault})
        return
    summary["records"] += 1
    summary["bases"] += record.length
    attest([subject], ["sequence:ingested"], [name], attributes=record.facts())
