"""The distribution: wheel, sdist and editable install, each with working stubs. Built offline, out of uv's cache."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import uv

STUBS = {
    f"qntx/protocol/{name}_pb2.py" for name in ("domain", "python", "atsstore", "queue", "schedule", "fetch", "runtime")
}
USE_STUBS = """
import qntx, json
from qntx.protocol import domain_pb2, python_pb2, atsstore_pb2, queue_pb2, schedule_pb2, fetch_pb2, runtime_pb2
print(python_pb2.PythonExecuteRequest(code="1").code, qntx.__file__)
"""


def run_uv(*arguments: str | Path) -> None:
    done = subprocess.run([uv.find_uv_bin(), *arguments, "--offline"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def import_stubs(tmp_path: Path) -> Callable[[Sequence[str | Path]], str]:
    """Installs into a fresh environment and uses every stub there; where they were imported from."""

    def use(requirement: Sequence[str | Path]) -> str:
        environment = tmp_path / "environment"
        run_uv("venv", "-q", "--python", sys.executable, environment)
        python = environment / "bin" / "python"
        run_uv("pip", "install", "-q", "--python", python, *requirement)
        done = subprocess.run([python, "-Ic", USE_STUBS], capture_output=True, text=True, check=True)
        return done.stdout.split()[1]

    return use


def test_a_wheel_carries_stubs_manifests_and_the_licence(
    repository: Path, tmp_path: Path, import_stubs: Callable[[Sequence[str | Path]], str]
) -> None:
    run_uv("build", "-q", "--python", sys.executable, "--wheel", repository / "chassis", "-o", tmp_path)

    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert names >= STUBS
    assert {f"qntx/variants/{name}/plugin.toml" for name in ("bio", "data", "python")} <= names
    assert not [name for name in names if name.endswith(".nix")]
    assert str(tmp_path) in import_stubs([wheel])


def test_an_sdist_carries_no_stubs_and_its_wheel_does(
    repository: Path, tmp_path: Path, import_stubs: Callable[[Sequence[str | Path]], str]
) -> None:
    run_uv("build", "-q", "--python", sys.executable, "--sdist", repository / "chassis", "-o", tmp_path)

    [sdist] = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    assert not [name for name in names if "_pb2" in name]
    assert [name for name in names if name.endswith("/LICENSE")]
    assert str(tmp_path) in import_stubs([sdist])


def test_an_editable_install_has_its_stubs_in_the_checkout(
    repository: Path, import_stubs: Callable[[Sequence[str | Path]], str]
) -> None:
    where = import_stubs(["--editable", repository / "chassis"])

    assert where == str(repository / "chassis" / "src" / "qntx" / "__init__.py")


def test_stubs_that_would_not_change_are_left_alone(repository: Path, tmp_path: Path) -> None:
    stubs = sorted((repository / "chassis/src/qntx/protocol").glob("*_pb2.py"))
    before = [stub.stat().st_mtime_ns for stub in stubs]

    run_uv("build", "-q", "--python", sys.executable, "--wheel", repository / "chassis", "-o", tmp_path)

    assert [stub.stat().st_mtime_ns for stub in stubs] == before


def test_a_plugin_alone_needs_nothing_of_the_host(repository: Path, tmp_path: Path) -> None:
    run_uv("build", "-q", "--python", sys.executable, "--wheel", repository / "chassis", "-o", tmp_path)

    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        required = re.findall(r"^Requires-Dist: ([a-z-]+)[^;\n]*$", archive.read(metadata).decode(), re.MULTILINE)
    assert {"grpcio", "protobuf"} <= set(required)
    assert not {"click", "dbos", "fastapi", "httpx", "rich", "uvicorn"} & set(required)
