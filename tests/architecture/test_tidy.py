"""The house style, as far as a machine can tell."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tests.architecture.sources import REPOSITORY, functions, modules, name_of, tracked

MODULE_LINES_MAX = 400
BODY_LINES_MAX = 60
SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "base_utils", "shared", "stuff"}

TOP_LEVEL = {
    ".ci", ".github", ".gitignore", "CHANGELOG.md", "LICENSE", "Makefile", "README.md",
    "chassis", "flake.lock", "flake.nix", "proto", "pyproject.toml", "tests", "variants",
}  # fmt: skip

OF_ONE_MACHINE = re.compile(
    "|".join(
        [r"/(?:home|Users)/(?!ada/)[a-z]", r"(?<![\w.])/ro" + r"ot\b", r"/wo" + "rk/", r"file:///[a-z]+/[a-z]+/chassis"]
    )
)
REGISTRIES = re.compile("|".join([r"pypi\." + "org", r"pythonhosted\." + "org", r"registry\.npmjs\." + "org"]))
WORDS = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b")


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_is_short_and_its_bodies_shorter(path: Path) -> None:
    text = path.read_text()

    long = [f.name for f in functions(ast.parse(text)) if (f.end_lineno or 0) - f.body[0].lineno >= BODY_LINES_MAX]

    assert len(text.splitlines()) <= MODULE_LINES_MAX
    assert long == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_says_in_one_sentence_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""

    assert re.fullmatch(r".+[.?]", docstring.partition("\n")[0]), "the first line is to be a sentence"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_is_named_for_what_it_holds(path: Path) -> None:
    assert not SAY_NOTHING & set(path.relative_to(REPOSITORY).with_suffix("").parts)


def test_the_top_level_is_the_one_that_was_drawn() -> None:
    assert {path.relative_to(REPOSITORY).parts[0] for path in tracked()} <= TOP_LEVEL


@pytest.mark.parametrize("fault", [OF_ONE_MACHINE, REGISTRIES, WORDS], ids=["machine", "registry", "unfinished"])
def test_nothing_here_belongs_to_one_machine_or_one_registry_or_is_unfinished(fault: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()}"
        for path in tracked()
        if path.suffix in {".py", ".md", ".toml", ".nix", ".proto", ".yml", ".sh", ".js", ".ts", ".html", ""}
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if fault.search(line)
    ]

    assert found == []


def test_no_generated_stub_is_committed() -> None:
    assert [path for path in tracked() if "_pb2" in path.name] == []
