"""Jobs: how long one waits, how many a second; and `ix fasta` beside plain Biopython on the same files."""

from __future__ import annotations

import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from Bio import SeqIO
from tests.bench.measure import Row, row
from tests.demo.family import Family, running

from qntx.host.home import Home

MIB = 1 << 20
SINGLE_JOBS = 100
MANY_JOBS = 300
SIZE = 32 * MIB
RECORD_BYTES = (1_000, 1_000_000)
ROUNDS = 3
TRIVIAL = {"handler_name": "python/python.script", "payload": {"content": "_result = 1"}}
ENDED = ("completed", "failed", "cancelled")


def rows() -> Iterator[Row]:
    folder = Path(tempfile.mkdtemp(prefix="qntx-bench-"))
    # A host that runs as root runs its scripts as nobody.
    folder.chmod(0o755)
    try:
        own = Home(folder / "home")
        own.create()
        for launcher in Home.find().plugins.iterdir():
            (own.plugins / launcher.name).symlink_to(launcher)
        with running(own, folder / "host.log") as family:
            yield _waits(family)
            yield _rate(family)
            for record_bytes in RECORD_BYTES:
                yield from _fasta(family, folder, record_bytes)
    finally:
        shutil.rmtree(folder)


def _waits(family: Family) -> Row:
    waits = []
    for _ in range(SINGLE_JOBS):
        job = _ended(family, _post(family, "/api/pulse/jobs", TRIVIAL))
        waits.append((_time(job["started_at"]) - _time(job["created_at"])) * 1000)
    p95 = statistics.quantiles(waits, n=20)[18]
    return row("enqueue to start", waits, "ms", note=f"p95 {p95:.0f} ms; one job at a time")


def _rate(family: Family) -> Row:
    started = time.perf_counter()
    jobs = [_post(family, "/api/pulse/jobs", TRIVIAL) for _ in range(MANY_JOBS)]
    for job in jobs:
        _ended(family, job)
    return Row("jobs", MANY_JOBS / (time.perf_counter() - started), "jobs/s", note="trivial ones, enqueued over HTTP")


def _fasta(family: Family, folder: Path, record_bytes: int) -> Iterator[Row]:
    file = folder / f"{record_bytes}.fa"
    records = _generate(file, record_bytes)
    of = f"records of {record_bytes // 1000:,} kB"
    ours, plain = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        result = _ended(family, _post(family, "/api/ix", {"type": "fasta", "input": str(file)}))["result"]
        ours.append(SIZE / MIB / (time.perf_counter() - started))
        assert result["records"] == records, result
        started = time.perf_counter()
        assert sum(1 for _ in SeqIO.parse(str(file), "fasta")) == records
        plain.append(SIZE / MIB / (time.perf_counter() - started))
    rate = statistics.median(ours) * MIB / SIZE * records
    yield row(f"Biopython, {of}", plain, "MB/s", note="SeqIO.parse in one process, nothing computed or kept")
    note = f"{rate:,.0f} records/s, each counted and attested"
    yield row(f"ix fasta, {of}", ours, "MB/s", to=f"Biopython, {of}", note=note)


def _generate(file: Path, record_bytes: int) -> int:
    letters = "".join(random.Random(1).choices("ACGT", k=record_bytes))
    body = "\n".join(letters[start : start + 80] for start in range(0, len(letters), 80))
    count = SIZE // len(body)
    with file.open("w") as out:
        for number in range(count):
            out.write(f">record{number}\n{body}\n")
    return count


def _post(family: Family, path: str, body: Any) -> Any:
    return family.http.post(path, json=body).raise_for_status().json()


def _ended(family: Family, job: Any) -> Any:
    while job["status"] not in ENDED:
        time.sleep(0.01)
        job = family.http.get(f"/api/pulse/jobs/{job['id']}").raise_for_status().json()
    assert job["status"] == "completed", job["error"]
    return job


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
