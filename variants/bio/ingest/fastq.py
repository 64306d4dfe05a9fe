"""FASTQ: one attestation per read, with its length, GC content and quality.

`ix fastq reads.fq [more.fastq.gz …]`. Reads are taken one at a time. A read whose parts do not fit is attested as
malformed, and reading goes on at the next line that begins a read.
"""

import gzip
import os

from qntx import attest, log, progress

PHRED_OFFSET = 33
LINE_BYTES_MAX = 64 << 20
TEXT_MAX = 1000
"""Bytes kept of a header."""
PROGRESS_EVERY_READS = 5_000


def execute(payload):
    files = payload.get("inputs") or [payload["input"]]
    sizes = [os.path.getsize(path) for path in files]
    summary = {"files": len(files), "reads": 0, "malformed": 0, "bases": 0}
    quality = 0
    done = 0
    for path, size in zip(files, sizes, strict=True):
        quality += _ingest(path, done, sum(sizes), summary)
        done += size
    progress(done, sum(sizes), f"{summary['reads']} reads")
    summary["mean_quality"] = round(quality / summary["bases"], 3) if summary["bases"] else None
    return summary


def _ingest(path, done, total, summary):
    name = os.path.basename(path)
    quality = 0
    with open(path, "rb") as raw:
        lines = Lines(gzip.open(raw) if path.endswith(".gz") else raw)
        while (header := lines.next()) is not None:
            if not header:
                continue
            start = lines.number
            try:
                quality += _read(header, lines, name, summary)
            except ValueError as fault:
                summary["malformed"] += 1
                log(f"{name}, line {start}: {fault}", level="warning")
                subject = header[1:TEXT_MAX].partition(b" ")[0].decode("utf-8", "replace") if header[:1] == b"@" else ""
                facts = {"line": start, "fault": str(fault)}
                attest([subject or f"{name}:{start}"], ["read:malformed"], [name], attributes=facts)
                lines.skip_to(b"@")
            if (summary["reads"] + 1) % PROGRESS_EVERY_READS == 0:
                progress(done + raw.tell(), total, f"{name}: {summary['reads']} reads")
    return quality


def _read(header, lines, name, summary):
    """One read; the sum of its qualities. After a ValueError the next line is where the next read may begin."""
    if not header.startswith(b"@"):
        raise ValueError("a read begins with '@'")
    identifier, _, description = header[1:TEXT_MAX].decode("utf-8", "replace").partition(" ")
    if not identifier:
        raise ValueError("the read has no name")
    sequence = lines.next()
    if sequence is None:
        raise ValueError("the file ends within a read")
    plus = lines.next()
    if plus is None or not plus.startswith(b"+"):
        lines.again(plus)
        raise ValueError("a line that begins with '+' has to follow the sequence")
    scores = lines.next()
    if scores is None or len(scores) != len(sequence):
        raise ValueError(f"{len(sequence)} bases have {len(scores or b'')} qualities")
    if scores and min(scores) < PHRED_OFFSET:
        raise ValueError("a quality is below '!'")
    total = sum(scores) - PHRED_OFFSET * len(scores)
    upper = sequence.upper()
    facts = {"length": len(sequence), "mean_quality": round(total / len(scores), 3) if scores else None}
    facts["gc_percent"] = round(100 * (upper.count(b"G") + upper.count(b"C")) / len(upper), 3) if upper else None
    if description:
        facts["description"] = description
    attest([identifier], ["read:ingested"], [name], attributes=facts)
    summary["reads"] += 1
    summary["bases"] += len(sequence)
    return total


class Lines:
    """Lines without their ends, counted; one can be given back."""

    def __init__(self, stream):
        self._stream = stream
        self._given_back = []
        self.number = 0

    def next(self):
        self.number += 1
        if self._given_back:
            return self._given_back.pop()
        line = self._stream.readline(LINE_BYTES_MAX)
        return line.rstrip(b"\r\n") if line else None

    def skip_to(self, start):
        """The next line is one that begins so, or the end."""
        while (line := self.next()) is not None:
            if line.startswith(start):
                self.again(line)
                return

    def again(self, line):
        if line is not None:
            self._given_back.append(line)
            self.number -= 1
