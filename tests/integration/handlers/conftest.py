"""A real host with the plain plugin, run from this checkout, and the qntx command beside it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.integration.host.conftest import RunningHost

from qntx.host.home import Home

Qntx = Callable[..., subprocess.CompletedProcess[str]]


def called(home: Home, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "qntx.cli", *arguments]
    env = {**os.environ, "QNTX_HOME": str(home.root), "COLUMNS": "200"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def host(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """A host with the plain plugin alone, run from this checkout; the tests of this module share it.

    A handler, zoe, was created before it was started.
    """
    own = Home(tmp_path_factory.mktemp("home"))
    own.create()
    manifest = repository / "variants" / "python" / "plugin.toml"
    command = [sys.executable, "-IB", "-m", "qntx.plugin", "--name", "python", "--manifest", str(manifest)]
    launcher = own.plugins / "qntx-python-plugin"
    launcher.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    launcher.chmod(0o755)
    assert "ASID: AS-ZOE-HANDLER-PYTHON-" in called(own, "handler", "create", "zoe", "--code", "print('early')").stdout
    running = RunningHost(own)
    running.until_state("python", "running")
    yield running
    running.close()


@pytest.fixture
def qntx(host: RunningHost) -> Qntx:
    return partial(called, host.home)


@pytest.fixture
def known(host: RunningHost) -> Callable[[str], Any]:
    """What the plugin tells of a handler; None where it has none of that name."""

    def find(name: str) -> Any:
        answer = host.http.get("/api/python/handlers").json()
        return next((each for each in answer["handlers"] if each["name"] == name), None)

    return find
