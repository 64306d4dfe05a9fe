"""What stands on the machines of a cluster: a database on one; on each of the others a host with its replicas."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
from tests.cluster.network import SUBNET, Machine
from tests.postgres import PostgresServer

from qntx.host.access.roles import Role
from qntx.host.access.tokens import Tokens
from qntx.host.home import Home

HTTP_PORT = 8777
SERVICES_PORT = 8778
REPLICA_PORT = 38701
PATIENCE_SECONDS = 90.0
SECRET = "the replicas' own token, which only their hosts are given"


class DatabaseMachine:
    """A PostgreSQL that answers the machines of the subnet."""

    def __init__(self, number: int) -> None:
        self.machine = Machine("database", number)
        self.server = PostgresServer.make(self.machine.inside, listen_addresses=self.machine.address)
        with (self.server.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {SUBNET}.0/24 trust\n")
        self.server.start()
        with self.server.connect("postgres") as connection:
            connection.execute("CREATE DATABASE qntx")
        self.url = f"postgresql://tester@{self.machine.address}/qntx"

    def remove(self) -> None:
        self.server.stop("immediate")
        self.machine.remove()
        self.server.remove()


class Replica:
    """One python plugin of a machine."""

    def __init__(self, machine: Machine, launcher: Path, folder: Path, number: int) -> None:
        self.address = f"{machine.address}:{REPLICA_PORT + number}"
        self.home = Home(folder / f"replica{number}")
        self.home.create()
        self._machine, self._launcher = machine, launcher
        self._token = folder / "replicas.token"
        self._token.write_text(SECRET)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.home.root / "plugin.log").open("ab")
        self.process = self._machine.start(
            [self._launcher, "--address", self.address, "--outlive-parent", "--token-file", self._token],
            {"QNTX_HOME": str(self.home.root)},
            self.home.root,
            log,
        )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


class HostMachine:
    """A host, the replicas beside it, and calls on it from the client's place on the network."""

    def __init__(self, number: int, folder: Path, launcher: Path, replicas: int) -> None:
        self.machine = Machine(f"host{number}", number)
        self.home = Home(folder / self.machine.name)
        self.home.create()
        self.replicas = [Replica(self.machine, launcher, self.home.root, each) for each in range(replicas)]
        self.process: subprocess.Popen[bytes] | None = None
        token = Tokens(self.home.tokens).create("client", Role.ADMIN)
        self.http = httpx.Client(
            base_url=f"http://{self.machine.address}:{HTTP_PORT}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
            trust_env=False,
        )

    def configure(self, database: str, replicas: Sequence[Replica]) -> None:
        """All replicas of the cluster are this host's."""
        secret = self.home.root / "replicas.token"
        self.home.config.write_text(
            f'[host]\naddress = "{self.machine.address}"\nport = {HTTP_PORT}\ninsecure_http = true\n'
            f'services_address = "{self.machine.address}:{SERVICES_PORT}"\ndatabase = "{database}"\n'
            f"[python]\naddress = {json.dumps([replica.address for replica in replicas])}\n"
            f'token_file = "{secret}"\n'
        )

    def start(self) -> None:
        """Begin; `ready` tells when it answers."""
        log = (self.home.root / "up.log").open("ab")
        command = [sys.executable, "-m", "qntx.cli", "up"]
        self.process = self.machine.start(command, {"QNTX_HOME": str(self.home.root)}, self.home.root, log)

    def ready(self) -> None:
        """Wait until it answers and has its replicas."""
        self.until(lambda: self._state() == "running", "its plugin runs")

    def kill(self) -> None:
        """As the machine's own end would: the host, not its replicas."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Told to stop, as by a rolling restart."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def until(self, holds: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (value := holds()):
            assert time.monotonic() < deadline, f"not in time: {what}; {self.machine.name} said:\n{self.said()}"
            time.sleep(0.2)
        return value

    def said(self) -> str:
        """The last lines of its log."""
        return "\n".join((self.home.root / "up.log").read_text().splitlines()[-30:])

    def remove(self) -> None:
        self.http.close()
        self.machine.remove()

    def _state(self) -> str:
        try:
            answer = self.http.get("/api/plugins/python")
            return str(answer.json().get("state", ""))
        except httpx.HTTPError:
            return ""
