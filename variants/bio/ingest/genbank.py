"""GenBank: one attestation per record, with its organism, length, features and references.

`ix genbank plasmids.gb [more.gbk.gz …]`. One record is in memory at a time. A record that Biopython cannot read is
attested as malformed and the rest goes on.
"""

import gzip
import io
import os
import warnings
from collections import Counter

from Bio import SeqIO

from qntx import attest, log, progress

END = b"//"


def execute(payload):
    files = payload.get("inputs") or [payload["input"]]
    sizes = [os.path.getsize(path) for path in files]
    summary = {"files": len(files), "records": 0, "malformed": 0, "bases": 0, "features": 0}
    done = 0
    for path, size in zip(files, sizes, strict=True):
        name = os.path.basename(path)
        with open(path, "rb") as raw:
            for line, text in _texts(gzip.open(raw) if path.endswith(".gz") else raw):
                _ingest(text, line, name, summary)
                progress(done + raw.tell(), sum(sizes), f"{name}: {summary['records']} records")
        done += size
    progress(done, sum(sizes), f"{summary['records']} records")
    return summary


def _texts(lines):
    """Each record's text, up to and with the line that ends it, and the number of its first line."""
    text, start = [], 1
    for number, line in enumerate(lines, start=1):
        if not text and not line.strip():
            start = number + 1
            continue
        text.append(line)
        if line.rstrip() == END:
            yield start, b"".join(text)
            text, start = [], number + 1
    if text:
        yield start, b"".join(text)


def _ingest(text, line, name, summary):
    try:
        with warnings.catch_warnings(record=True) as doubts:
            warnings.simplefilter("always")
            record = SeqIO.read(io.StringIO(text.decode("utf-8", "replace")), "genbank")
            facts = _facts(record)
    except Exception as fault:  # Biopython raises whatever the record trips over
        summary["malformed"] += 1
        reason = f"{type(fault).__name__}: {fault}"
        log(f"{name}, line {line}: {reason}", level="warning")
        attest([f"{name}:{line}"], ["sequence:malformed"], [name], attributes={"line": line, "fault": reason})
        return
    if doubts:
        facts["warnings"] = sorted({str(doubt.message) for doubt in doubts})
    summary["records"] += 1
    summary["bases"] += facts["length"]
    summary["features"] += sum(facts["features"].values())
    attest([record.id], ["sequence:ingested"], [name], attributes=facts)


def _facts(record):
    facts = {
        "length": len(record),
        "features": dict(sorted(Counter(feature.type for feature in record.features).items())),
        "references": len(record.annotations.get("references", ())),
        "description": record.description,
    }
    for key in ("organism", "molecule_type", "topology", "date", "data_file_division"):
        if record.annotations.get(key):
            facts[key] = str(record.annotations[key])
    genes = [name for feature in record.features for name in feature.qualifiers.get("gene", ())]
    if genes:
        facts["genes"] = sorted(set(genes))
    if record.seq.defined and len(record):
        upper = record.seq.upper()
        facts["gc_percent"] = round(100 * (upper.count("G") + upper.count("C")) / len(upper), 3)
    return facts
