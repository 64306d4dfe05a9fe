"""A file far larger than what a worker may use, with an attestation for each of its many records.

`QNTX_SOAK=1` does it with 1 GiB and a million records.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.processes import still_alive

from .conftest import IngestHost, open_folder

pytestmark = pytest.mark.alone

MIB = 1 << 20
SIZE = 1024 * MIB if os.environ.get("QNTX_SOAK") else 64 * MIB
RECORD_BYTES = 1024
WORKER_BYTES_MAX = 256 * MIB
GROWTH_BYTES_MAX = 192 * MIB


@pytest.fixture(scope="module")
def genes() -> Iterator[Path]:
    with open_folder() as folder:
        generate(folder / "large.fa")
        yield folder / "large.fa"


def generate(file: Path) -> None:
    chosen = random.Random(1)
    bases = ["".join(chosen.choices("ACGTN", (30, 20, 20, 30, 1), k=990)) for _ in range(64)]
    lines = ["\n".join(text[start : start + 80] for start in range(0, len(text), 80)) for text in bases]
    with file.open("w") as out:
        for number in range(SIZE // RECORD_BYTES):
            out.write(f">read{number:09}\n{lines[number % 64]}\n")


def rss(host: IngestHost) -> dict[str, int]:
    """Bytes that the host and the plugin hold."""
    pids = {"host": host.process.pid, "plugin": host.plugin("bio")["pid"]}
    return {name: psutil.Process(pid).memory_info().rss for name, pid in pids.items()}


@pytest.mark.timeout(1200)
def test_it_is_ingested_in_flat_memory_with_live_progress(host: IngestHost, genes: Path) -> None:
    before, started = rss(host), time.monotonic()
    job = host.ix(type="fasta", input=str(genes))
    seen: set[float] = set()
    highest = dict(before)

    def is_over() -> bool:
        now = host.job(job["id"])
        seen.add(now["progress"]["current"])
        for name, held in rss(host).items():
            highest[name] = max(highest[name], held)
        return bool(now["completed_at"])

    host.until(is_over, 1000)

    ended = host.job(job["id"])
    seconds = time.monotonic() - started
    assert ended["status"] == "completed", ended["error"]
    assert ended["result"]["records"] == SIZE // RECORD_BYTES
    [summary] = [line for line in host.lines(job["id"]) if line["stage"] == "summary"]
    worker = summary["metadata"]["peak_rss_bytes"]
    growth = {name: highest[name] - before[name] for name in before}
    told = {name: f"{held // MIB} MiB more" for name, held in growth.items()}
    print(f"{SIZE // MIB} MiB, {SIZE // RECORD_BYTES} records in {seconds:.0f} s; worker {worker // MIB} MiB, {told}")
    assert len(seen) > 3
    assert worker < WORKER_BYTES_MAX
    assert all(held < GROWTH_BYTES_MAX for held in growth.values()), told


def test_it_is_cancelled_in_the_middle_within_a_second(host: IngestHost, genes: Path) -> None:
    job = host.ix(type="fasta", input=str(genes))
    host.until(lambda: host.job(job["id"])["progress"]["current"])

    workers = host.until(lambda: reading(host, genes))

    host.http.post(f"/api/pulse/jobs/{job['id']}/cancel").raise_for_status()

    # What it had attested by then is still being stored; the script itself is gone.
    assert still_alive(workers, within_seconds=1) == []
    assert host.job(job["id"])["status"] == "cancelled"


def reading(host: IngestHost, file: Path) -> list[psutil.Process]:
    """The processes of the plugin's that have a file of that name open."""
    family = psutil.Process(host.plugin("bio")["pid"]).children(recursive=True)
    return [process for process in family if file.name in map(os.path.basename, opened(process))]


def opened(process: psutil.Process) -> Iterator[str]:
    """What its descriptors lead to; nothing where it ended while we looked."""
    with suppress(OSError):
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            yield os.readlink(descriptor)
