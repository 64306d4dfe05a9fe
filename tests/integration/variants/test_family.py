"""The environments of the family: each is its own, and holds what its manifest says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from qntx.host import variants
from qntx.host.home import Home

OTHERS = {"bio": ["pandas", "scipy", "matplotlib"], "data": ["Bio"], "python": ["numpy", "pandas", "Bio"]}


def python(home: Home, name: str, code: str) -> str:
    program = home.environments / name / "bin" / "python3"
    return subprocess.run([program, "-IBc", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", OTHERS)
def test_a_variant_has_none_of_the_others_libraries(home: Home, launcher: Callable[[str], Path], name: str) -> None:
    launcher(name)

    found = python(home, name, f"from importlib.util import find_spec\nprint([*map(find_spec, {OTHERS[name]})])")

    assert json.loads(found.replace("None", "null")) == [None] * len(OTHERS[name])


@pytest.mark.parametrize("name", OTHERS)
def test_a_variant_has_what_its_manifest_imports_and_preloads(
    home: Home, launcher: Callable[[str], Path], repository: Path, name: str
) -> None:
    launcher(name)
    wanted = variants.read(repository / "variants" / name / "plugin.toml")

    python(home, name, "".join(f"import {module}\n" for module in (*wanted.imports, *wanted.preload)))


@pytest.mark.parametrize("name", OTHERS)
def test_a_variant_has_nothing_of_the_host(home: Home, launcher: Callable[[str], Path], name: str) -> None:
    launcher(name)

    found = python(home, name, "from importlib.util import find_spec\nprint(find_spec('fastapi'), find_spec('pip'))")

    assert found.split() == ["None", "None"]


def test_a_launcher_is_found_in_ps_by_its_variants_name(launcher: Callable[[str], Path]) -> None:
    text = launcher("bio").read_text()

    assert "/libexec/qntx-bio-plugin.py --name bio --manifest " in text
    assert "/bin/python3 -IB " in text
