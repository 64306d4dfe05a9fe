"""What the README shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.demo.family import Family, running

from qntx.host.home import Home
from qntx.model.variant import KEYS
from qntx.testing import run_script

README = Path(__file__).parents[2] / "README.md"
WORDS_MAX = 600
FIRST_BLOCK_LINE_MAX = 25


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block, its continued lines joined, and what it prints."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        more = [line for line in lines[1:] if line.startswith("> ")]
        shell = "\n".join([lines[0], *(line.removeprefix("> ") for line in more)])
        yield shell, "".join(f"{line}\n" for line in lines[1 + len(more) :])


@pytest.fixture
def family(own_home: Home, launcher: Callable[[str], Path]) -> Iterator[Family]:
    for name in ("bio", "data", "python"):
        launcher(name)
    with running(own_home, own_home.root / "host.log") as family:
        yield family


def test_each_command_prints_what_the_readme_says(family: Family, own_home: Home) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "QNTX_HOME": str(own_home.root), "PATH": path}
    said = [told for block in blocks("console") for told in commands(block)]

    for command, expected in said:
        command = command.replace("http://127.0.0.1:8777", str(family.http.base_url).rstrip("/"))
        done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == (expected, ""), command

    assert len(said) >= 5


@pytest.mark.parametrize("block", blocks("python"))
def test_each_script_runs_and_attests(block: str) -> None:
    ran = run_script(block, upstream={"subjects": ["HBB"], "attributes": {"sequence": "ATGGTG"}})

    [attested] = ran.attestations
    assert (attested["subjects"], attested["attributes"]) == (["HBB"], {"length": 6})


def test_the_readme_is_short_and_shows_something_at_once() -> None:
    text = README.read_text()

    assert len(text.split()) <= WORDS_MAX
    assert text[: text.index("```")].count("\n") < FIRST_BLOCK_LINE_MAX


@pytest.mark.parametrize("page", ["README.md", "variants/README.md", "tests/README.md", "chassis/README.md"])
def test_links_lead_to_files_that_are_there(repository: Path, page: str) -> None:
    links = re.findall(r"\]\(([^):#]+)\)", (repository / page).read_text())

    assert [link for link in links if not ((repository / page).parent / link).exists()] == []


def test_every_key_of_a_manifest_is_documented(repository: Path) -> None:
    from_table = set(
        re.findall(r"^\| `\[?([a-z_]+)\]?` \|", (repository / "variants/README.md").read_text(), re.MULTILINE)
    )

    assert from_table == {*KEYS, *KEYS["limits"]} - {"limits"}
