"""One setting says where hosts share things: what is wrong with it is told at the start, and its password to nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.integration.host.conftest import RunningHost

from qntx.host.home import Home

PASSWORD = "hunter2"


@pytest.fixture
def empty(tmp_path: Path) -> Home:
    """A home without plugins."""
    home = Home(tmp_path / "home")
    home.create()
    return home


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("mysql://u@h/d", "mysql:// is no shared database; it is postgresql://"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1:1/d", "the shared database does not answer"),
        (f"postgresql://u:{PASSWORD}@h/d?nonsense=1", "nonsense"),
    ],
)
def test_an_address_that_cannot_be_is_refused_by_the_settings_name(empty: Home, address: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qntx.cli", "up", "--port", "0"],
        env={**os.environ, "QNTX_HOME": str(empty.root), "QNTX_DATABASE": address},
        cwd=empty.root,
        capture_output=True,
        text=True,
        timeout=60,
    )

    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert "host.database: " in said
    assert told in said
    assert PASSWORD not in said
    assert "Traceback" not in said


def test_the_password_is_told_to_nobody(empty: Home, postgres_url: str) -> None:
    host = RunningHost(empty, "", "--database", postgres_url.replace("tester@", f"tester:{PASSWORD}@"))
    try:
        for path in ("/health", "/metrics", "/api/plugins", "/api/v1/capsules", "/openapi.json"):
            assert PASSWORD not in httpx.get(host.url + path, trust_env=False).text
    finally:
        host.close()

    written = [file for file in empty.root.rglob("*") if file.is_file() and PASSWORD.encode() in file.read_bytes()]
    assert written == []
    assert "host started" in host.log.read_text()
