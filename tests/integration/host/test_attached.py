"""A plugin that runs elsewhere is attached by its address, and told what is wrong where it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.host.conftest import RunningHost
from tests.integration.host.replicas import Replicas, certificate
from tests.processes import free_port

from qntx.clients.ats import Provenance
from qntx.clients.host import Endpoints, HostClients
from qntx.errors import HostUnavailable, InvalidConfig
from qntx.host.home import Home
from qntx.host.services import ats
from qntx.host.services.server import ServiceServer, elsewhere
from qntx.host.store.memory import MemoryStore
from qntx.host.store.node_key import NodeKey
from qntx.model.attached import Address
from qntx.model.attestation import Filter


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    started = Replicas(tmp_path)
    yield started
    started.end()


def test_a_plugin_is_attached_when_it_comes_and_again_after_it_went(
    start_host: Callable[..., RunningHost], replicas: Replicas, command_line: Callable[..., Any]
) -> None:
    port = free_port()
    host = start_host(f'[plugin]\nstart_timeout_seconds = 0.5\n[python]\naddress = "localhost:{port}"\n')
    away = host.until_state("python", "failed")
    refused = host.http.post("/api/python/execute", json={"content": "1"})

    plugin = replicas.start(port)
    host.until_state("python", "running")
    attested = host.execute("attest(['x'], ['seen'], contexts=['lab'])['id']")
    listed = command_line("plugin", "list", env={"COLUMNS": "200"}).stdout
    restarted = host.http.post("/api/plugins/python/restart")
    plugin.process.kill()
    gone = host.until(
        lambda: (
            (now := host.plugin("python"))["state"] == "restarting"
            and [replica["state"] for replica in now["replicas"]] == ["failed"]
            and now
        )
    )
    replicas.start(port)
    host.until_state("python", "running")

    assert f"127.0.0.1:{port}" in away["message"]
    assert refused.status_code == 503
    assert attested["success"], attested["error"]
    assert [row["id"] for row in host.http.get("/api/attestations?predicates=seen").json()] == [attested["result"]]
    assert f"localhost:{port}" in listed
    assert f"127.0.0.1:{port}" in listed
    assert (restarted.status_code, "restart it there" in restarted.text) == (400, True)
    assert [replica["address"] for replica in gone["replicas"]] == [f"127.0.0.1:{port}"]
    assert host.execute("6 * 7")["result"] == 42
    assert host.plugin("python")["pid"] == 0


def test_a_host_that_ends_leaves_an_attached_plugin_running(
    start_host: Callable[..., RunningHost], replicas: Replicas
) -> None:
    plugin = replicas.start()
    host = start_host(f'[python]\naddress = "{plugin.address}"\n')
    host.until_state("python", "running")

    host.end()

    assert plugin.process.poll() is None


def test_a_run_calls_home_to_the_host_that_asked_for_it(
    start_host: Callable[..., RunningHost], replicas: Replicas, tmp_path: Path
) -> None:
    plugin = replicas.start()
    config = f'[python]\naddress = "{plugin.address}"\n'
    one = start_host(config)
    other_home = Home(tmp_path / "other")
    other_home.create()
    other = RunningHost(other_home, config)
    for host in (one, other):
        host.until_state("python", "running")

    told = [
        host.execute(f"attest([{name!r}], ['seen'], contexts=['lab'])['subjects']")["result"]
        for host, name in ((one, "of-one"), (other, "of-other"))
    ]
    seen = [host.http.get("/api/attestations?predicates=seen").json() for host in (one, other)]
    other.close()

    assert told == [["of-one"], ["of-other"]]
    assert [[row["subjects"] for row in rows] for rows in seen] == [[["of-one"]], [["of-other"]]]
    assert one.execute("last(predicates=['seen'])['subjects']")["result"] == ["of-one"]


def test_what_is_wrong_with_an_address_is_said_and_the_host_goes_on(
    start_host: Callable[..., RunningHost], replicas: Replicas, tmp_path: Path
) -> None:
    other, guarded = (
        replicas.start(name="chem"),
        replicas.start(0, "--token-file", _written(tmp_path / "token", "s3cret")),
    )
    host = start_host(
        "[plugin]\nstart_timeout_seconds = 1\n"
        f'[python]\naddress = "{other.address}"\n'
        f'[bio]\naddress = "{guarded.address}"\n'
        '[data]\naddress = "no-such-machine.invalid:38701"\n'
        f'[chem]\naddress = "{other.address}"\n'
    )

    said = {name: host.until_state(name, "failed")["message"] for name in ("python", "bio", "data")}

    assert "is named 'chem', not 'python'" in said["python"]
    assert f"{guarded.address} turns this host away" in said["bio"]
    assert "no-such-machine.invalid:38701" in said["data"]
    host.until_state("chem", "running")
    assert host.execute("1 + 1", glyph="py:chem")["result"] == 2


def test_with_its_token_and_over_tls_it_is_attached(
    start_host: Callable[..., RunningHost], replicas: Replicas, tmp_path: Path
) -> None:
    pem, key = certificate(tmp_path, "python.lab")
    token = _written(tmp_path / "token", "s3cret")
    plugin = replicas.start(0, "--token-file", token, "--tls-certificate", pem, "--tls-key", key)

    host = start_host(
        f'[python]\naddress = "{plugin.address}"\ntoken_file = "{token}"\n'
        f'tls_authority = "{pem}"\ntls_name = "python.lab"\n'
    )

    host.until_state("python", "running")
    assert host.execute("attest(['x'], ['seen'], contexts=['lab'])")["success"]


async def test_a_plugin_of_another_machine_calls_home_over_tls(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "host.lab")
    listen = elsewhere("127.0.0.1:0", "", pem, key)
    other = Address("10.0.0.5", 38701)
    async with (
        MemoryStore(NodeKey(bytes(32)), lambda: 1_800_000_000_000) as store,
        ServiceServer([lambda server: ats.serve(server, store, "t0ken")], listen) as services,
    ):
        address = services.endpoint_for("bio", other)
        known = HostClients(Endpoints(token="t0ken", ats=address, authority=pem))
        stranger = HostClients(Endpoints(token="t0ken", ats=address))

        [(stored, _)] = await known.ats.attest([b'{"subjects": ["x"], "contexts": ["lab"]}'], Provenance("1"))
        with pytest.raises(HostUnavailable, match="connection failed"):
            await stranger.ats.find(Filter(), limit=1)

        assert address.startswith("https://127.0.0.1:")
        assert [row.id for row in await store.find(Filter(), limit=9)] == [stored]
        await known.aclose()
        await stranger.aclose()


async def test_without_an_address_of_its_own_a_host_says_what_a_plugin_elsewhere_needs() -> None:
    async with ServiceServer([]) as services:
        with pytest.raises(InvalidConfig, match=r"host.services_address: not set, so plugin 'bio' at 10.0.0.5:38701"):
            services.endpoint_for("bio", Address("10.0.0.5", 38701))

        assert services.endpoint_for("bio", Address("127.0.0.1", 38701)) == services.endpoint


def _written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file
