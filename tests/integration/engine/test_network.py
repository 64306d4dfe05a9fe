"""A run that may use the network reaches the ports that it was granted, and nothing else that this machine serves."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from qntx.engine.api import Settings
from qntx.engine.pool import Pool
from qntx.model.execution import Limits, Outcome

CONNECT = "socket.create_connection(to, 2).sendall(b'x')"
# Ways to connect over TCP without a connect() that is known to be one.
AROUND = {
    "connect": CONNECT,
    "multipath": "s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262); s.connect(to); s.sendall(b'x')",
    "fast open by sendto": "socket.socket().sendto(b'x', 0x20000000, to)",
    "fast open by sendmsg": "socket.socket().sendmsg([b'x'], [], 0x20000000, to)",
    "fast open by an option": (
        "s = socket.socket(); s.setsockopt(socket.IPPROTO_TCP, 30, 1); s.connect(to); s.sendall(b'x')"
    ),
    "over version 6": ("s = socket.socket(socket.AF_INET6); s.connect(('::ffff:127.0.0.1', to[1])); s.sendall(b'x')"),
    "without blocking": (
        "s = socket.socket(); s.setblocking(False); s.connect_ex(to); import time; time.sleep(0.2); s.sendall(b'x')"
    ),
    "from a program of its own": (
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', f'import socket; socket.create_connection({to}, 2)'], stderr=-3)"
    ),
}


@pytest.fixture
def listening() -> Iterator[Callable[[], socket.socket]]:
    """Makes services of this machine, each on a port of its own."""
    with ExitStack() as open_sockets:

        def listen() -> socket.socket:
            service = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
            service.settimeout(0.5)
            return service

        yield listen


def reached(service: socket.socket) -> bool:
    try:
        service.accept()[0].close()
    except TimeoutError:
        return False
    return True


@pytest.fixture
def run_on(home, execution) -> Callable[..., Any]:
    async def run_on(rung: str, code: str, **fields: Any) -> Any:
        async with Pool(Settings(name="x", sandbox_max=rung, require_sandbox=rung)) as pool:
            return await pool.run(execution(f"import socket\n{code}", **fields), home)

    return run_on


def trying(way: str, port: int) -> str:
    """Code that tries it and whose failure is of no interest."""
    attempt = "\n".join(f"    {line}" for line in AROUND[way].splitlines())
    return f"to = ('127.0.0.1', {port})\ntry:\n{attempt}\nexcept (OSError, ValueError, ImportError): pass\n"


def not_of_this_kernel() -> set[str]:
    """Ways that it may be without, or be set to do without."""
    fast_open, version_6 = Path("/proc/sys/net/ipv4/tcp_fastopen"), Path("/proc/net/if_inet6")
    opens_fast = fast_open.exists() and int(fast_open.read_text()) & 1
    without = set() if opens_fast else {way for way in AROUND if way.startswith("fast open")}
    return without | {"multipath"} | (set() if version_6.exists() else {"over version 6"})


@pytest.mark.parametrize("rung", ["full", "landlock"])
async def test_a_port_that_is_not_granted_is_out_of_reach_by_any_way(run_on, listening, rung):
    service = listening()
    code = "".join(trying(way, service.getsockname()[1]) for way in AROUND if rung == "full" or "program" not in way)

    result = await run_on(rung, code, limits=Limits(network=True, subprocess=True))

    assert (result.error, reached(service)) == ("", False)


def test_without_walls_the_same_ways_lead_there(listening):
    led = []
    for way in AROUND:
        service = listening()
        code = f"import socket\n{trying(way, service.getsockname()[1])}"
        subprocess.run([sys.executable, "-c", code], check=True)
        led += [way] if reached(service) else []

    assert set(led) >= AROUND.keys() - not_of_this_kernel()


@pytest.mark.parametrize("rung", ["full", "landlock"])
async def test_a_port_that_is_granted_is_reached_and_the_next_one_is_not(run_on, listening, rung):
    granted, other = listening(), listening()
    port, other_port = granted.getsockname()[1], other.getsockname()[1]
    limits = Limits(network=True, network_ports=(port,))
    code = f"for to in (('127.0.0.1', {port}), ('127.0.0.1', {other_port})):\n    {CONNECT}"

    result = await run_on(rung, code, limits=limits)

    assert (reached(granted), reached(other)) == (True, False)
    assert result.error.endswith(
        "PermissionError: [Errno 13] Permission denied\n"
        f"The run may connect to these TCP ports: {port}. They are `network_ports` of the variant's limits.\n"
    )


async def test_a_run_without_the_network_is_told_so(run_on, listening):
    result = await run_on("full", f"to = {listening().getsockname()}\n{CONNECT}")

    assert result.outcome is Outcome.RAISED
    assert "The run has no network" in result.error


async def test_ports_are_among_what_the_engine_says_of_its_machine():
    async with Pool(Settings(name="x")) as pool:
        assert pool.describe()["primitives"]["network_ports"].startswith(("yes", "no: Landlock ABI"))
