"""The page as it is committed: small, what its sources build to, and of no registry."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.integration.host.conftest import RunningHost

pytestmark = pytest.mark.alone

JS_BYTES_MAX = 250_000
BUILD_TIMEOUT_SECONDS = 110


@pytest.fixture(scope="module")
def web(repository: Path) -> Path:
    return repository / "chassis" / "web"


@pytest.fixture(scope="module")
def built(repository: Path) -> Path:
    return repository / "chassis" / "src" / "qntx" / "host" / "page"


@pytest.fixture(scope="module")
def tools(web: Path) -> Path:
    """Where node's packages are; what needs them is not tested without."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed, so the page cannot be built again to compare")
    if not (web / "node_modules").is_dir():
        pytest.skip("the page's tools are not installed: npm ci in chassis/web")
    return web / "node_modules"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_the_javascript_there_is_takes_at_most_250_kilobytes_on_the_wire(built: Path) -> None:
    assert 0 < sum(len(gzip.compress(path.read_bytes())) for path in built.glob("assets/*.js")) <= JS_BYTES_MAX


def test_the_lock_file_names_no_registry(web: Path) -> None:
    packages = json.loads((web / "package-lock.json").read_text())["packages"]

    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []


def test_what_is_committed_is_what_the_sources_build_to(web: Path, built: Path, tools: Path, tmp_path: Path) -> None:
    out = tmp_path / "page"
    subprocess.run(
        ["node", tools / "vite" / "bin" / "vite.js", "build", "--outDir", out, "--emptyOutDir", "--logLevel", "error"],
        cwd=web,
        check=True,
        timeout=BUILD_TIMEOUT_SECONDS,
    )

    assert files(out) == files(built)


def test_its_pure_parts_keep_to_their_own_tests(web: Path, tools: Path) -> None:
    tested = subprocess.run(
        ["node", "test.js"], cwd=web, capture_output=True, text=True, check=False, timeout=BUILD_TIMEOUT_SECONDS
    )

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_sources_fit_the_openapi_of_the_host_as_it_is(
    host: RunningHost, web: Path, tools: Path, tmp_path: Path
) -> None:
    """Type-checked against shapes that are generated now; `npm run types -- URL` updates those committed."""
    shutil.copytree(web / "src", tmp_path / "src")
    for name in ("tsconfig.json", "vite.config.ts", "package.json", "types.js"):
        shutil.copy(web / name, tmp_path / name)
    (tmp_path / "node_modules").symlink_to(tools)
    subprocess.run(["node", "types.js", host.url], cwd=tmp_path, check=True, timeout=BUILD_TIMEOUT_SECONDS)

    checked = subprocess.run(
        ["node", tools / "typescript" / "bin" / "tsc", "--noEmit"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_TIMEOUT_SECONDS,
    )

    assert checked.stdout == ""
