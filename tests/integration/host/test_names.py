"""A name with several records is as many replicas, as this machine's own resolver has them at the time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

NAME = "replicas.example"
MOUNTED = 'mount --bind "$1" /etc/hosts && exec "$2" -c "$3"'
FOLLOWING = f"""
import asyncio
from pathlib import Path
from qntx.host.config import PluginSection
from qntx.host.plugins import attachment
from qntx.host.plugins.output import Output
from qntx.host.plugins.registry import Plugin, Registry
from qntx.host.plugins.remote import remotes
from qntx.protocol import domain_pb2

attachment.LOOK_SECONDS = 0.1

async def follow():
    registry, plugin = Registry(), Plugin("bio", Output("bio", Path("bio.log")))
    registry.add(plugin)
    remote = remotes({{"bio": {{"address": "{NAME}:38701"}}}}, {{}})["bio"]
    request = lambda address: domain_pb2.InitializeRequest()
    attached = attachment.Attachment(plugin, remote, registry, request, "host", PluginSection())
    running = asyncio.create_task(attached.run())
    changes = 0
    while True:
        changes = await registry.changed(changes)
        print(*sorted(str(each.address) for each in plugin.replicas), flush=True)

asyncio.run(follow())
"""


def may_mount() -> bool:
    tried = ["unshare", "--mount", "mount", "--bind", "/etc/hosts", "/etc/hosts"]
    return bool(shutil.which("unshare")) and subprocess.run(tried, capture_output=True, check=False).returncode == 0


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """The resolver's file, for whoever is started over it."""
    return tmp_path / "hosts"


@pytest.fixture
def following(records: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Tells which replicas there are whenever it looks."""
    if not may_mount():
        pytest.skip("names of one's own take a mount namespace, and that root")
    write(records, "127.0.0.2", "127.0.0.3")
    command = ["unshare", "--mount", "sh", "-c", MOUNTED, "sh", records, sys.executable, FOLLOWING]
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def write(records: Path, *numbers: str) -> None:
    records.write_text("".join(f"{number} {NAME}\n" for number in numbers))


@pytest.mark.timeout(120)
def test_a_record_that_appears_is_a_replica_and_one_that_goes_is_none(
    following: subprocess.Popen[str], records: Path
) -> None:
    assert following.stdout is not None

    assert "127.0.0.2:38701 127.0.0.3:38701\n" in following.stdout
    write(records, "127.0.0.3", "127.0.0.4")
    assert "127.0.0.3:38701 127.0.0.4:38701\n" in following.stdout
