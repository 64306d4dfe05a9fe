"""Packages installed into a running plugin: what comes of good ones, bad ones and those that do not fit."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import socket
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.core import Started
from tests.processes import still_alive
from tests.wheels import wheel

from qntx.protocol import domain_pb2 as domain

DOMAIN = domain.DESCRIPTOR.services_by_name["DomainPluginService"]
GRPCIO_NEW = "99.0"
"""Of a package that the variant itself has."""


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The only packages there are."""
    folder = tmp_path_factory.mktemp("index")
    wheel(folder, "leaf", "1.0")
    wheel(folder, "leaf", "2.0")
    wheel(folder, "tree", "1.0", "import leaf\nheight = 7\n", ["leaf<2"])
    wheel(folder, "tree", "2.0", "import leaf\nheight = 9\n", ["leaf>=2"])
    wheel(folder, "fruit", "1.0", needs=["leaf; extra == 'green'"], extras=["green"])
    wheel(folder, "stable", "1.0", tag="cp36-abi3-manylinux2014_x86_64.manylinux2014_aarch64")
    wheel(folder, "raises", "1.0", "raise ImportError('built for another machine')")
    wheel(folder, "crashes", "1.0", "import os\nos.abort()")
    wheel(folder, "hollow", "1.0", needs=["no-such-package-anywhere"])
    wheel(folder, "grpcio", GRPCIO_NEW)
    wheel(folder, "newer", "1.0", needs=[f"grpcio>={GRPCIO_NEW}"])
    wheel(folder, "friendly", "1.0", needs=["grpcio>=1", "protobuf"])
    return folder


@pytest.fixture
def surroundings(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("UV_DEFAULT_INDEX", empty.as_uri())
    monkeypatch.setenv("UV_FIND_LINKS", str(index))
    monkeypatch.setenv("QNTX_HOME", str(tmp_path))
    return tmp_path / "sites" / "python"


@dataclass(slots=True)
class Driven:
    started: Started

    async def http(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        sent = json.dumps(body or {}).encode()
        request = domain.HTTPRequest(method=method, path=path, body=sent)
        answer = await self.started.stub(DOMAIN).HandleHTTP(request, timeout=120)
        return answer.status_code, json.loads(answer.body)

    async def install(self, package: str, **more: Any) -> tuple[int, Any]:
        return await self.http("POST", "/uv/install", {"package": package, **more})

    async def value(self, code: str, **more: Any) -> Any:
        _, record = await self.http("POST", "/execute", {"content": code, **more})
        return record["result"] if record["success"] else record["error"]

    async def healths_during(self, work: Awaitable[Any]) -> list[bool]:
        """What Health says for as long as that takes."""
        working, answers = asyncio.ensure_future(work), []
        while not working.done():
            health = await self.started.stub(DOMAIN).Health(domain.Empty(), timeout=30)
            answers.append(health.healthy)
            await asyncio.sleep(0.02)
        return answers

    async def installed(self) -> dict[str, str]:
        _, told = await self.http("GET", "/uv/list")
        return {each["name"]: each["version"] for each in told["packages"]}


@pytest.fixture
async def plugin(start, surroundings) -> Driven:
    started = await start()
    await started.stub(DOMAIN).Initialize(domain.InitializeRequest(), timeout=10)
    return Driven(started)


async def test_a_package_comes_with_what_it_needs_and_is_there_for_the_next_run_of_the_same_process(plugin):
    before = await plugin.value("import os\nos.getppid()")
    assert "ModuleNotFoundError" in await plugin.value("import tree")
    pid = plugin.started.process.pid

    status, record = await plugin.install("tree==1.0")

    assert (status, record["success"], record["result"]["installed"]) == (200, True, True)
    assert record["result"]["wheel"] == "tree-1.0-py3-none-any.whl"
    assert record["result"]["bytes"] > 0
    assert record["result"]["replaced"] == []
    assert record["result"]["packages"] == [{"name": "leaf", "version": "1.0"}, {"name": "tree", "version": "1.0"}]
    assert record.keys() >= {"success", "stdout", "stderr", "result", "error", "duration_ms"}
    assert await plugin.value("import tree, leaf\n[tree.height, leaf.version]") == [7, "1.0"]
    assert (await plugin.value("import os\nos.getppid()"), plugin.started.process.pid) == (before, pid)


async def test_a_session_that_was_open_before_sees_it_too(plugin):
    await plugin.value("x = 41", session_id="s")

    await plugin.install("leaf")

    assert await plugin.value("import leaf\n[x, leaf.version]", session_id="s") == [41, "2.0"]


async def test_a_newer_version_replaces_the_older_with_what_it_needs(plugin):
    await plugin.install("tree==1.0")

    _, record = await plugin.install("tree")

    assert record["result"]["replaced"] == ["leaf==1.0", "tree==1.0"]
    assert await plugin.value("import tree, leaf\n[tree.height, leaf.version]") == [9, "2.0"]


async def test_what_is_there_stays_as_it_is_when_something_else_comes(plugin):
    await plugin.install("leaf==1.0")

    await plugin.install("fruit[green] stable")

    assert await plugin.installed() == {"fruit": "1.0", "leaf": "1.0", "stable": "1.0"}


async def test_extras_and_abi3_wheels_are_understood(plugin):
    _, extra = await plugin.install("fruit[green]==1.0")
    _, abi3 = await plugin.install("stable")

    assert {each["name"] for each in extra["result"]["packages"]} == {"fruit", "leaf"}
    assert abi3["result"]["wheel"].startswith("stable-1.0-cp36-abi3-")
    assert await plugin.value("import stable\nstable.version") == "1.0"


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        ("no-such-package-anywhere", "no-such-package-anywhere was not found"),
        ("hollow", "no-such-package-anywhere was not found"),
        ("tree==1.0 leaf==2.0", "unsatisfiable"),
        ("raises", "ImportError: built for another machine"),
        ("crashes", "ended the process that imported crashes"),
        (f"leaf==1.0 --hash=sha256:{'0' * 64}", "Hash mismatch"),
    ],
)
async def test_what_cannot_be_had_is_told_with_the_reason_and_leaves_all_as_it_was(plugin, package, reason):
    await plugin.install("leaf==1.0")

    status, record = await plugin.install(package)

    assert (status, record["success"], record["result"]) == (400, False, {"installed": False})
    assert reason in record["error"]
    assert await plugin.installed() == {"leaf": "1.0"}
    assert await plugin.value("import leaf\nleaf.version") == "1.0"


async def test_health_never_blinks_while_wheels_crash(plugin):
    async def install_all() -> None:
        for package in ("crashes", "tree", "raises", "no-such-package-anywhere"):
            await plugin.install(package)

    answers = await plugin.healths_during(install_all())

    assert len(answers) > 5
    assert all(answers)
    assert plugin.started.process.returncode is None


async def test_an_index_that_is_away_is_named_and_leaves_all_as_it_was(start, plugin, monkeypatch):
    await plugin.install("leaf==1.0")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as taken:
        # Nobody listens there, and nobody else can.
        taken.bind(("127.0.0.1", 0))
        away = f"127.0.0.1:{taken.getsockname()[1]}/simple"
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://someone:secret@{away}")
        cut_off = Driven(await start())
        await cut_off.started.stub(DOMAIN).Initialize(domain.InitializeRequest(), timeout=30)

        installing = asyncio.ensure_future(cut_off.install("tree"))
        answers = await cut_off.healths_during(installing)

    status, record = installing.result()
    assert (status, record["success"], record["result"]) == (400, False, {"installed": False})
    assert f"http://{away}/" in record["error"]
    assert "Connection refused" in record["error"]
    assert "secret" not in record["error"]
    assert answers
    assert all(answers)
    assert await cut_off.installed() == {"leaf": "1.0"}
    assert await cut_off.value("import leaf\nleaf.version") == "1.0"


async def test_a_package_is_the_one_that_its_hash_says(plugin, index):
    meant = hashlib.sha256((index / "leaf-1.0-py3-none-any.whl").read_bytes()).hexdigest()

    status, record = await plugin.install(f"leaf==1.0 --hash=sha256:{meant}")
    refused, why = await plugin.install(f"leaf==2.0 --hash=sha256:{meant}")
    beside, _ = await plugin.install("fruit")

    assert (status, record["result"]["installed"], refused, beside) == (200, True, 400, 200)
    assert "Hash mismatch for `leaf==2.0`" in why["error"]
    assert meant in why["error"]
    assert await plugin.installed() == {"fruit": "1.0", "leaf": "1.0"}


async def test_what_the_variant_brings_is_kept_unless_forced(plugin):
    """Refused with what is in the way; forced, the new one comes first."""
    own = await plugin.value("import importlib.metadata as m\nm.version('grpcio')")

    refused, record = await plugin.install("newer")
    kept = await plugin.value("import importlib.metadata as m\nm.version('grpcio')")
    forced, _ = await plugin.install("newer", force=True)

    assert (refused, forced, kept) == (400, 200, own)
    assert f"The variant brings grpcio {own}" in record["error"]
    assert await plugin.value("import grpcio, newer\ngrpcio.version") == GRPCIO_NEW
    assert await plugin.value("import importlib.metadata as m\nm.version('grpcio')") == GRPCIO_NEW


async def test_what_the_variant_has_satisfies_others_though_no_index_has_it(plugin):
    status, record = await plugin.install("friendly")

    assert status == 200
    assert record["result"]["packages"] == [{"name": "friendly", "version": "1.0"}]


async def test_a_package_of_the_variant_that_is_asked_for_is_there_already(plugin):
    status, record = await plugin.install("protobuf")

    assert (status, record["result"]["installed"], record["result"]["packages"]) == (200, True, [])


async def test_removing_takes_what_only_that_needed(plugin):
    await plugin.install("tree==1.0 fruit")

    needed, why = await plugin.http("POST", "/uv/remove", {"package": "leaf"})
    status, record = await plugin.http("POST", "/uv/remove", {"package": "Tree"})

    assert (needed, why["error"]) == (400, "leaf is there because something else needs it; remove that")
    assert (status, record["result"]["removed"]) == (200, ["leaf", "tree"])
    assert await plugin.installed() == {"fruit": "1.0"}
    assert "ModuleNotFoundError" in await plugin.value("import tree")


@pytest.mark.parametrize(("name", "reason"), [("grpcio", "belongs to the variant"), ("leaf", "leaf is not installed")])
async def test_what_was_never_installed_cannot_be_removed(plugin, name, reason):
    status, record = await plugin.http("POST", "/uv/remove", {"package": name})

    assert status == 400
    assert reason in record["error"]


async def test_checking_and_listing_see_what_was_installed(plugin):
    await plugin.install("leaf==1.0")

    assert await plugin.http("GET", "/uv/check?module=leaf") == (200, {"module": "leaf", "available": True})
    _, packages = await plugin.http("GET", "/packages")
    assert {"name": "leaf", "version": "1.0"} in packages["packages"]


async def test_packages_outlast_the_plugin_and_are_shared_by_its_replicas(start, plugin):
    replica = Driven(await start())
    await plugin.install("leaf==1.0")
    await plugin.started.stop()
    later = Driven(await start())

    for each in (replica, later):
        assert await each.value("import leaf\nleaf.version") == "1.0"


async def test_replicas_that_install_at_once_both_get_theirs(start, plugin):
    replica = Driven(await start())

    answers = await asyncio.gather(plugin.install("leaf"), replica.install("fruit"), plugin.install("stable"))

    assert [status for status, _ in answers] == [200, 200, 200]
    assert await plugin.installed() == {"fruit": "1.0", "leaf": "2.0", "stable": "1.0"}


async def test_a_plugin_killed_while_it_installs_leaves_what_was_there(start, plugin, surroundings):
    await plugin.install("leaf==1.0")
    installing = asyncio.create_task(plugin.install("tree fruit stable"))
    await asyncio.sleep(0.1)
    family = plugin.started.family()

    plugin.started.process.send_signal(signal.SIGKILL)

    await asyncio.gather(installing, return_exceptions=True)
    await plugin.started.ended(10)
    assert still_alive(family) == []
    later = Driven(await start())
    assert await later.value("import leaf\nleaf.version") in ("1.0", "2.0")
    assert (await later.install("fruit"))[0] == 200
    assert len(os.listdir(next(surroundings.glob("py*")) / "generations")) == 1


async def test_a_site_directory_of_ones_own_is_used(start, surroundings, tmp_path):
    plugin = Driven(await start())
    request = domain.InitializeRequest(config={"site_dir": str(tmp_path / "own")})
    await plugin.started.stub(DOMAIN).Initialize(request, timeout=10)

    _, record = await plugin.install("leaf==1.0")

    assert Path(record["result"]["site"]).parent == tmp_path / "own"
    assert await plugin.value("import leaf\nleaf.__file__") == f"{record['result']['site']}/current/packages/leaf.py"


async def test_a_site_directory_that_cannot_be_made_keeps_nothing_else_from_working(start, surroundings, tmp_path):
    (tmp_path / "file").write_text("")
    plugin = Driven(await start())
    request = domain.InitializeRequest(config={"site_dir": str(tmp_path / "file" / "site")})
    await plugin.started.stub(DOMAIN).Initialize(request, timeout=10)

    health = await plugin.started.stub(DOMAIN).Health(domain.Empty(), timeout=5)
    status, refused = await plugin.install("leaf")

    assert health.healthy
    assert "nothing can be installed" in health.details["packages"]
    assert (status, await plugin.value("1 + 1")) == (503, 2)
    assert "nothing can be installed" in refused["error"]


async def test_a_source_that_would_run_as_it_is_built_is_refused(plugin, index):
    """Wheels only: a build runs its code outside any worker."""
    (index / "sourced-1.0.tar.gz").write_bytes(b"not even read")

    status, record = await plugin.install("sourced")

    assert status == 400
    assert "sourced" in record["error"]


async def test_a_package_from_the_real_index(start, tmp_path, monkeypatch):
    monkeypatch.setenv("QNTX_HOME", str(tmp_path))
    plugin = Driven(await start())
    await plugin.started.stub(DOMAIN).Initialize(domain.InitializeRequest(), timeout=10)

    status, record = await plugin.install("iniconfig")

    if status != 200 and ("error sending request" in record["error"] or "onnect" in record["error"]):
        pytest.skip(f"no package index is reachable from here: {record['error'][:200]}")
    assert status == 200
    assert await plugin.value("import iniconfig\niniconfig.__name__") == "iniconfig"
