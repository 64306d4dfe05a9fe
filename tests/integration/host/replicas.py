"""Plugin processes that no host started, a way to them that can be cut, and the certificates they may show."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import grpc.aio
from tests.processes import Plugin, free_port, still_alive

from qntx.protocol import domain_pb2
from qntx.wire.services import Stub

MANIFEST = Path(__file__).parents[3] / "variants" / "python" / "plugin.toml"


class Replicas:
    """Plugins of this checkout, each with records of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Plugin] = []

    def start(self, port: int = 0, *arguments: str | Path, name: str = "python") -> Plugin:
        command = [sys.executable, "-IB", "-m", "qntx.plugin", "--name", name, "--manifest", MANIFEST]
        records = self._folder / f"records-{len(self._started)}"
        address = f"127.0.0.1:{port or free_port()}"
        plugin = Plugin([*command, "--address", address, *arguments], {"QNTX_HOME": str(records)})
        self._started.append(plugin)
        plugin.wait_for_port()
        return plugin

    def end(self) -> None:
        families = [process for plugin in self._started for process in plugin.family()]
        for plugin in self._started:
            plugin.stop()
        assert still_alive(families) == []


def told(plugin: Plugin, what: str) -> int:
    """A count of that process, by its own account: `running`, or `executions.finished`."""

    async def ask() -> int:
        async with grpc.aio.insecure_channel(plugin.address) as channel:
            stub = Stub(channel, domain_pb2.DESCRIPTOR.services_by_name["DomainPluginService"])
            health = await stub.Health(domain_pb2.Empty(), timeout=10)
            return int(health.details.get(what, 0))

    return asyncio.run(ask())


class Wire:
    """A way to an address on this machine: `cut` breaks what goes over it; what comes after goes through again."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._to = host, int(port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                try:
                    far = socket.create_connection(self._to)
                except OSError:
                    near.close()
                    continue
                self._ends += [near, far]
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(a, b), daemon=True).start()


def _carry(a: socket.socket, b: socket.socket) -> None:
    with suppress(OSError):
        while data := a.recv(65_536):
            b.sendall(data)
    for end in (a, b):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for that name, which is its own authority, and its key."""
    pem, key = folder / f"{name}.pem", folder / f"{name}.key"
    subject = ("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    subprocess.run(
        ["openssl", "req", "-x509", *kind, *subject, "-keyout", key, "-out", pem],
        check=True,
        capture_output=True,
    )
    return pem, key
