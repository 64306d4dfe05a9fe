"""FASTA: one attestation per record, with its length, GC content and alphabet.

`ix fasta genes.fa [more.fa.gz …]`. Reads block by block and keeps no sequence, so memory stays flat however long a
record, a line or a file is. A record that is no sequence is attested as malformed and the rest goes on.
"""

import gzip
import os

from qntx import attest, log, progress

LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*-."
NUCLEIC = b"ACGTUNRYSWKMBDHVacgtunryswkmbdhv-."
WHITESPACE = b" \t\r\n"
BLOCK_BYTES = 1 << 20
TEXT_MAX = 1000
"""Characters kept of an id or a description."""
PROGRESS_EVERY_BYTES = 4 << 20


class Record:
    """What is kept of a record while its sequence goes by."""

    def __init__(self, header, line_number):
        words = header.decode("utf-8", "replace").split(None, 1)
        self.id = words[0][:TEXT_MAX] if words else ""
        self.description = words[1].strip()[:TEXT_MAX] if len(words) > 1 else ""
        self.line_number = line_number
        self.length = self.gc = self.unknown = 0
        self.nucleic = True
        self.strange = set()

    def add(self, lines):
        """Counted by deleting: bytes.translate goes through a block faster than any loop."""
        letters = lines.translate(None, WHITESPACE)
        self.length += len(letters)
        self.gc += len(letters) - len(letters.translate(None, b"GCgc"))
        self.unknown += len(letters) - len(letters.translate(None, b"Nn"))
        if others := letters.translate(None, NUCLEIC):
            self.nucleic = False
            self.strange.update(others.translate(None, LETTERS))

    def fault(self):
        if not self.id:
            return "the header names no sequence"
        if not self.length:
            return "no sequence follows the header"
        return f"{bytes(sorted(self.strange)[:8])!r} is no letter of a sequence" if self.strange else ""

    def facts(self):
        facts = {"length": self.length, "alphabet": "nucleotide" if self.nucleic else "protein"}
        if self.nucleic:
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
        for number, is_header, piece in _pieces(gzip.open(raw) if path.endswith(".gz") else raw):
            if is_header:
                _close(record, name, summary)
                record = Record(piece[1:], number)
            elif record is not None:
                record.add(piece)
            elif text := piece.lstrip(WHITESPACE):
                line = number + piece[: len(piece) - len(text)].count(b"\n")
                raise ValueError(f"{path}: line {line} is not FASTA: the first record starts with '>'")
            if done + raw.tell() - told >= PROGRESS_EVERY_BYTES:
                told = done + raw.tell()
                progress(told, total, f"{name}: {summary['records']} records")
    _close(record, name, summary)


def _pieces(stream):
    """Header lines and the lines between them, a block at most: number of the first line, is a header, bytes."""
    number, at_line_start = 1, True
    while block := stream.read(BLOCK_BYTES):
        if not block.endswith(b"\n"):
            block += stream.readline(BLOCK_BYTES)
        start = 0
        while start < len(block):
            is_header = at_line_start and block.startswith(b">", start)
            end = block.find(b"\n", start) + 1 if is_header else block.find(b"\n>", start) + 1
            end = end or len(block)
            yield number, is_header, block[start:end]
            number += block.count(b"\n", start, end)
            at_line_start = block.endswith(b"\n", start, end)
            start = end


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
