"""What must be true of a cluster after all of it, asked of the database itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from tests.cluster.load import PARTS, Acknowledged
from tests.cluster.machines import DatabaseMachine, HostMachine

from qntx.host.home import Home

ENDED = "SELECT count(*) FROM qntx.job WHERE state NOT IN ('completed', 'failed', 'cancelled')"
JOBS = "SELECT id, state, result_json, error FROM qntx.job"
# Runs that failed, and were made again, have a line too.
SUMMARIES = "SELECT job_id, count(*) FROM qntx.job_line WHERE stage = 'summary' AND level = 'info' GROUP BY job_id"
MADE_BY_JOBS = "SELECT DISTINCT subjects, contexts FROM qntx.attestation WHERE predicates = '[\"done\"]'"
IDS = "SELECT id FROM qntx.attestation"
FIRED = "SELECT subjects FROM qntx.attestation WHERE predicates = '[\"fired\"]'"

SETTLING_TRIES = 10


def unfinished(database: DatabaseMachine) -> int:
    return int(_rows(database, ENDED)[0][0])


def broken(database: DatabaseMachine, kept: Acknowledged) -> dict[str, int]:
    """How often each promise was broken: zero, everywhere, in a cluster that keeps them."""
    jobs = {job_id: (state, bytes(result)) for job_id, state, result, _ in _rows(database, JOBS)}
    summaries = dict(_rows(database, SUMMARIES))
    made = set(_rows(database, MADE_BY_JOBS))
    stored = {row[0] for row in _rows(database, IDS)}
    fired = Counter(row[0] for row in _rows(database, FIRED))
    return {
        "acknowledged jobs that are not there": sum(job_id not in jobs for job_id in kept.jobs),
        "jobs without their result": sum(
            jobs.get(job_id) != ("completed", str(n).encode()) for job_id, n in kept.jobs.items()
        ),
        "jobs that ended more than once, or never": sum(summaries.get(job_id) != 1 for job_id in kept.jobs),
        "attestations of jobs that are not stored": sum(
            (_terms(f"job:{n}"), _terms(f"part:{part}")) not in made
            for n in kept.jobs.values()
            for part in range(PARTS)
        ),
        "acknowledged attestations that are not stored": len(kept.attestations - stored),
        "watched attestations that fired nothing": sum(not fired[_terms(f"saw:{one}")] for one in kept.watched),
    }


def doubles(database: DatabaseMachine) -> int:
    """Firings beyond one each: of those that were on their way when their host died."""
    return sum(count - 1 for count in Counter(row[0] for row in _rows(database, FIRED)).values())


def attestations(database: DatabaseMachine) -> int:
    return int(_rows(database, "SELECT count(*) FROM qntx.attestation")[0][0])


def verdicts(database: DatabaseMachine, hosts: Sequence[HostMachine]) -> dict[str, dict[str, Any]]:
    """What `qntx capsule verify` says of each chain: of the one the hosts share, and of each replica's own.

    Asked again for a while: what was sealed last is on its way.
    """
    asked = {"the hosts": (hosts[0].home, database.url, database.machine.inside)}
    for replica in (replica for host in hosts for replica in host.replicas):
        asked[replica.address] = (replica.home, str(replica.home.capsules), ())
    return {name: _settled_verdict(*chain) for name, chain in asked.items()}


def _settled_verdict(home: Home, address: str, inside: Sequence[str]) -> dict[str, Any]:
    for _ in range(SETTLING_TRIES):
        verdict = _verdict(home, address, inside)
        if not verdict["valid"] or verdict["complete"]:
            break
        time.sleep(1)
    return verdict


def _verdict(home: Home, address: str, inside: Sequence[str]) -> dict[str, Any]:
    said = subprocess.run(
        [*inside, sys.executable, "-m", "qntx.cli", "capsule", "--db", address, "verify", "--json"],
        env={**os.environ, "QNTX_HOME": str(home.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode in (0, 1), said.stderr
    verdict: dict[str, Any] = json.loads(said.stdout)
    return verdict


def _terms(*terms: str) -> str:
    """As a row keeps them."""
    return msgspec.json.encode(terms).decode()


def _rows(database: DatabaseMachine, question: str) -> list[Any]:
    with database.server.connect("qntx") as connection:
        return connection.execute(question).fetchall()
