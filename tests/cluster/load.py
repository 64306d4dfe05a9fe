"""Clients of a cluster: they go on until as much is acknowledged as was asked for, at whichever host answers."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
from tests.cluster.machines import HostMachine

CLIENTS = 8
PARTS = 10
"""Attestations that each job makes."""
PAUSE_SECONDS = 0.2
WATCHED_EVERY = 100
JOB = """
from qntx import attest
for part in range({parts}):
    attest(['job:{n}'], ['done'], ['part:{{}}'.format(part)])
_result = {n}
"""


class Acknowledged:
    """What the cluster has promised to keep."""

    def __init__(self) -> None:
        self.jobs: dict[str, int] = {}
        """A job's id to its number."""
        self.attestations: set[str] = set()
        self.watched: set[str] = set()
        self.refused = 0
        """Calls that were not acknowledged, and were made again."""
        self._lock = threading.Lock()

    def job(self, job_id: str, n: int) -> None:
        with self._lock:
            self.jobs[job_id] = n

    def attestation(self, attestation_id: str, *, watched: bool) -> None:
        with self._lock:
            self.attestations.add(attestation_id)
            if watched:
                self.watched.add(attestation_id)

    def refusal(self) -> None:
        with self._lock:
            self.refused += 1


def run(hosts: Sequence[HostMachine], jobs: int, attestations: int) -> Acknowledged:
    """Make them, CLIENTS at a time, evenly mixed. Returns when all are acknowledged."""
    kept = Acknowledged()
    work = [(n / jobs, _job, n) for n in range(jobs)] + [
        (n / attestations, _attestation, n) for n in range(attestations)
    ]
    with ThreadPoolExecutor(CLIENTS) as pool:
        made = [pool.submit(make, hosts, kept, n) for _, make, n in sorted(work, key=lambda each: each[0])]
        for future in made:
            future.result()
    return kept


def _job(hosts: Sequence[HostMachine], kept: Acknowledged, n: int) -> None:
    body = {
        "handler_name": "python/python.script",
        "payload": {"content": JOB.format(n=n, parts=PARTS)},
        "source": f"cluster:{n}",
        "retries": 20,
        "retry_delay_seconds": 0.5,
    }
    answer = _until_taken(hosts, kept, n, "/api/pulse/jobs", body)
    kept.job(answer["id"], n)


def _attestation(hosts: Sequence[HostMachine], kept: Acknowledged, n: int) -> None:
    watched = n % WATCHED_EVERY == 0
    attestation_id = f"AS-CLUSTER-{n}"
    body = {
        "id": attestation_id,
        "subjects": [f"item:{n}"],
        "predicates": ["watched" if watched else "noted"],
        "contexts": ["cluster"],
        "timestamp": 1,
    }
    _until_taken(hosts, kept, n, "/api/attestations", body)
    kept.attestation(attestation_id, watched=watched)


def _until_taken(
    hosts: Sequence[HostMachine], kept: Acknowledged, n: int, path: str, body: dict[str, object]
) -> dict[str, str]:
    for host in itertools.islice(itertools.cycle(hosts), n % len(hosts), None):
        try:
            answer = host.http.post(path, json=body)
        except httpx.HTTPError:
            kept.refusal()
        else:
            if answer.is_success:
                taken: dict[str, str] = answer.json()
                return taken
            # A fault of the caller's own would be made for ever.
            assert answer.status_code >= 500, answer.text
            kept.refusal()
        time.sleep(PAUSE_SECONDS)
    raise AssertionError("unreachable: the cycle of hosts has no end")
