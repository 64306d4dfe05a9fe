"""A plugin ends with whoever started it, and lets in only whom it should."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import grpc.aio
import psutil
import pytest
from tests.integration.plugin.conftest import COMMAND
from tests.processes import still_alive

from qntx.protocol import domain_pb2, python_pb2
from qntx.wire.services import Stub

pytestmark = pytest.mark.alone

DOMAIN = domain_pb2.DESCRIPTOR.services_by_name["DomainPluginService"]
PYTHON = python_pb2.DESCRIPTOR.services_by_name["PythonService"]

# A host that starts a plugin, prints its pid once it is up, and waits to be killed.
HOST = """
import subprocess, sys, time
plugin = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
plugin.stdout.readline()
print(plugin.pid, flush=True)
time.sleep(600)
"""


async def test_the_end_of_stdin_is_the_end_of_the_host(start):
    plugin = await start(stdin=subprocess.PIPE)
    await plugin.stub(PYTHON).Execute(python_pb2.PythonExecuteRequest(code="1"), timeout=30)
    family = plugin.family()

    plugin.process.stdin.close()

    assert await plugin.ended() == 0
    assert still_alive(family, 3.0) == []


async def test_what_arrives_on_stdin_is_nothing_to_it(start):
    plugin = await start(stdin=subprocess.PIPE)

    plugin.process.stdin.write(b"x" * 100_000)
    await plugin.process.stdin.drain()

    answer = await plugin.stub(DOMAIN).Metadata(domain_pb2.Empty(), timeout=5)
    assert answer.name == "python"


@pytest.mark.parametrize("outlives", [False, True])
def test_a_host_that_is_killed_leaves_no_plugin_unless_it_was_told_to_stay(outlives):
    argv = [*COMMAND, "--port", "0", *(["--outlive-parent"] if outlives else [])]
    host = subprocess.Popen([sys.executable, "-c", HOST, *argv], stdout=subprocess.PIPE)
    assert host.stdout is not None
    plugin = psutil.Process(int(host.stdout.readline()))
    family = [plugin, *plugin.children(recursive=True)]

    host.kill()
    host.wait()
    host.stdout.close()

    alive = still_alive(family, 2.5 if outlives else 3.0)
    assert bool(alive) is outlives
    if outlives:
        plugin.terminate()
        assert still_alive(family) == []


@pytest.mark.parametrize(
    "argv",
    [
        ["--address", "0.0.0.0:0"],
        ["--manifest", "/no/such/plugin.toml"],
        ["--name", "No Good"],
        ["--address", "nonsense"],
        ["--token-file", "/no/such/token"],
    ],
)
def test_what_it_cannot_start_with_is_said_on_stderr_and_the_status_is_two(argv):
    ended = subprocess.run([*COMMAND, *argv], capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == 2
    assert argv[0] in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


@contextmanager
def _everywhere(*argv: str) -> Iterator[int]:
    """The port of a plugin that listens on every address."""
    command = [*COMMAND, "--address", "0.0.0.0:0", *argv]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    yield int(process.stdout.readline().split(b"=")[1])
    process.terminate()
    process.wait(10)
    process.stdout.close()


@pytest.fixture
def guarded(tmp_path) -> Iterator[int]:
    (tmp_path / "token").write_text("sesame\n")
    with _everywhere("--token-file", str(tmp_path / "token")) as port:
        yield port


@pytest.fixture
def vouched_for(certificates) -> Iterator[int]:
    files = (("certificate", "server.crt"), ("key", "server.key"), ("client-authority", "ca.crt"))
    with _everywhere(*(f"--tls-{part}={certificates / file}" for part, file in files)) as port:
        yield port


@pytest.mark.parametrize("said", ["", "Bearer wrong", "sesame", "Bearer sesame2"])
async def test_who_does_not_bear_the_token_is_turned_away(guarded, said):
    metadata = [("authorization", said)] if said else []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{guarded}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await Stub(channel, DOMAIN).Metadata(domain_pb2.Empty(), timeout=5, metadata=metadata)

    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture
def certificates(tmp_path) -> Path:
    """An authority, and a server and a client that it vouches for."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=authority", "-days", "2")
    for name in ("server", "client"):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (tmp_path / "names").write_text("subjectAltName=DNS:localhost")
        vouch = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *vouch)
    return Path(tmp_path)


async def test_with_an_authority_only_who_shows_a_certificate_of_it_gets_in(certificates, vouched_for):
    target = f"localhost:{vouched_for}"
    authority, key, shown = ((certificates / name).read_bytes() for name in ("ca.crt", "client.key", "client.crt"))

    async with grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(authority, key, shown)) as channel:
        let_in = await Stub(channel, DOMAIN).Metadata(domain_pb2.Empty(), timeout=5)
    async with grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(authority)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await Stub(channel, DOMAIN).Metadata(domain_pb2.Empty(), timeout=5)

    assert let_in.name == "python"
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_who_bears_the_token_gets_in(guarded):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{guarded}") as channel:
        metadata = [("authorization", "Bearer sesame")]
        answer = await Stub(channel, DOMAIN).Metadata(domain_pb2.Empty(), timeout=5, metadata=metadata)

    assert answer.name == "python"
