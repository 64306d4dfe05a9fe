"""Ingest scripts to start from, one for each way input comes."""

from __future__ import annotations

LINES = '''\
"""One attestation for each line of a text file."""

import os

from qntx import attest, progress


def execute(payload):
    path = payload["input"]
    size, lines = os.path.getsize(path), 0
    with open(path, encoding="utf-8", errors="replace") as file:
        for lines, line in enumerate(iter(file.readline, ""), start=1):
            attest([f"{os.path.basename(path)}:{lines}"], ["line"], ["text"], attributes={"text": line.rstrip()})
            if lines % 1000 == 0:
                progress(file.tell(), size, f"{lines} lines")
    return {"lines": lines}
'''

CSV = '''\
"""One attestation for each row of a CSV file, under the value of its first column."""

import csv
import os

from qntx import attest, log


def execute(payload):
    path = payload["input"]
    rows = malformed = 0
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        for row in reader:
            if None in row or None in row.values():
                malformed += 1
                log(f"line {reader.line_num} has another number of fields than the header", level="warning")
                continue
            rows += 1
            attest([next(iter(row.values()))], ["row"], [os.path.basename(path)], attributes=row)
    return {"rows": rows, "malformed": malformed}
'''

HTTP = '''\
"""One attestation for each item of a JSON feed. The host fetches the page, so the script needs no network itself."""

import json

from qntx import attest, fetch


def execute(payload):
    page = fetch(payload["input"], subjects=[payload["input"]])
    items = json.loads(page["body"])
    for item in items:
        attest([str(item["id"])], ["item"], [payload["input"]], attributes=item)
    return {"items": len(items)}
'''

GIT = '''\
"""The authors of a git repository, each with how many commits. Publish it with --needs subprocess."""

import subprocess

from qntx import attest


def execute(payload):
    command = ["git", "-c", "safe.directory=*", "-C", payload["input"], "shortlog", "--summary", "--email", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    authors = [line.strip().split("\\t", 1) for line in done.stdout.splitlines()]
    for commits, author in authors:
        attest([author], ["contributes"], [payload["input"]], attributes={"commits": int(commits)})
    return {"authors": len(authors)}
'''

TEMPLATES = {"lines": LINES, "csv": CSV, "http": HTTP, "git": GIT}
