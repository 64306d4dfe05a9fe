"""Three machines with a host and two replicas each, a database on a fourth, and faults while they work.

    python -m tests.cluster --jobs 20000 --attestations 20000

Each job makes ten attestations more. The table says what was done, what happened meanwhile, and how often a promise
was broken. The exit code is 1 where one was.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.cluster import checks, load
from tests.cluster.faults import Faults
from tests.cluster.machines import DatabaseMachine, HostMachine
from tests.cluster.network import MISSING, make_switch, possible

from qntx.host.home import Home

OWN_NAMESPACE = "QNTX_CLUSTER_NAMESPACE"
"""Set in the process that runs in a network namespace of its own."""
SETTLING_SECONDS = 600.0
WATCHER = {
    "id": "watched",
    "name": "watched",
    "predicates": ["watched"],
    "action_type": "python",
    "action_data": "attest(['saw:' + attestation['id']], ['fired'], ['cluster'])",
    "max_fires_per_second": 1000,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--replicas", type=int, default=2, help="of each machine")
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--attestations", type=int, default=20_000, help="those of clients, beside the jobs' own")
    parser.add_argument("--fault-every", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--faults", type=int, default=4, help="at least so many, however soon the work is done")
    parser.add_argument("--undisturbed", action="store_true", help="break nothing")
    arguments = parser.parse_args()
    if not possible():
        print(MISSING, file=sys.stderr)
        return 2
    if OWN_NAMESPACE not in os.environ:
        again = ["unshare", "--net", sys.executable, "-m", "tests.cluster", *sys.argv[1:]]
        os.execvpe(again[0], again, os.environ | {OWN_NAMESPACE: "1"})
    make_switch()
    with tempfile.TemporaryDirectory(prefix="qntx-cluster-") as folder:
        return run(Path(folder), arguments)


def run(folder: Path, arguments: argparse.Namespace) -> int:
    launcher = Home.find().plugins / "qntx-python-plugin"
    if not launcher.exists():
        print(f"{launcher} is not there: `qntx variant sync python` builds it", file=sys.stderr)
        return 2
    with cluster(folder, launcher, arguments.hosts, arguments.replicas) as (database, hosts):
        hosts[0].http.post("/api/watchers", json=WATCHER).raise_for_status()
        began = time.monotonic()
        told: Sequence[str] = ()
        if arguments.undisturbed:
            kept = load.run(hosts, arguments.jobs, arguments.attestations)
            _settled(database)
        else:
            with Faults(hosts, arguments.fault_every, arguments.faults) as faults:
                kept = load.run(hosts, arguments.jobs, arguments.attestations)
                _until_few(database, arguments.jobs // 20)
            told = faults.told
            _settled(database)
        seconds = time.monotonic() - began
        return _tell(seconds, told, kept, database, hosts)


@contextmanager
def cluster(
    folder: Path, launcher: Path, hosts: int, replicas: int
) -> Iterator[tuple[DatabaseMachine, Sequence[HostMachine]]]:
    """All of it, answering."""
    with ExitStack() as ending:
        database = DatabaseMachine(100)
        ending.callback(database.remove)
        machines = []
        for number in range(1, hosts + 1):
            machines.append(HostMachine(number, folder, launcher, replicas))
            ending.callback(machines[-1].remove)
        everywhere = [replica for machine in machines for replica in machine.replicas]
        for replica in everywhere:
            replica.start()
        for machine in machines:
            machine.configure(database.url, everywhere)
            machine.start()
        for machine in machines:
            machine.ready()
        yield database, machines


def _until_few(database: DatabaseMachine, jobs: int) -> None:
    """Things go on breaking while there is work to lose."""
    while checks.unfinished(database) > jobs:
        time.sleep(1)


def _settled(database: DatabaseMachine) -> None:
    deadline = time.monotonic() + SETTLING_SECONDS
    while left := checks.unfinished(database):
        assert time.monotonic() < deadline, f"{left} jobs have not ended {SETTLING_SECONDS:.0f} s after the last fault"
        time.sleep(0.5)
    time.sleep(5)  # firings of what arrived last


def _tell(
    seconds: float,
    told: Sequence[str],
    kept: load.Acknowledged,
    database: DatabaseMachine,
    hosts: Sequence[HostMachine],
) -> int:
    """The table; 1 where a promise was broken."""
    broken = checks.broken(database, kept)
    chains = checks.verdicts(database, hosts)
    wrong = [name for name, verdict in chains.items() if not (verdict["valid"] and verdict["complete"])]
    rows: dict[str, object] = {
        "seconds": f"{seconds:.1f}",
        "jobs acknowledged": len(kept.jobs),
        "jobs a second": f"{len(kept.jobs) / seconds:.1f}",
        "attestations stored": checks.attestations(database),
        "calls that had to be made again": kept.refused,
        "firings beyond one each": checks.doubles(database),
        "capsules verified, with their signatures": sum(verdict["capsules_verified"] for verdict in chains.values()),
        "of them of runs that failed or were lost": sum(verdict["failed"] for verdict in chains.values()),
        **broken,
        f"of {len(chains)} chains, not valid or not complete": len(wrong),
    }
    print(*told, sep="\n")
    for name, value in rows.items():
        print(f"{name:48}{value:>12}")
    for name in wrong:
        print(f"capsules of {name}: {chains[name]}")
    return 1 if wrong or any(broken.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
