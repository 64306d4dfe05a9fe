"""Every line of the contract is a test: the table says which, and this, that they are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from qntx.model.variant import parse

HERE = Path(__file__).parent
TESTS = HERE.parent
REPOSITORY = TESTS.parent
TABLE = tomllib.loads((HERE / "contract.toml").read_text())
LINES = {number: line for lines in TABLE.values() for number, line in lines.items()}
DEFINED = set(re.findall(r"^(?:async )?def (test_\w+)", "\n".join(p.read_text() for p in TESTS.rglob("*.py")), re.M))
HAZARDS = 14
CHECKLIST = 10


@pytest.mark.parametrize("number", LINES)
def test_a_line_has_a_test_that_is_there(number: str) -> None:
    line = LINES[number]

    assert line["says"]
    assert line["tests"]
    assert set(line["tests"]) <= DEFINED


def test_no_line_is_missing() -> None:
    assert set(TABLE["hazards"]) == {f"0.{number}" for number in range(1, HAZARDS + 1)}
    assert {number.split()[0] for number in TABLE["checklist"]} == {f"B.{n}" for n in range(1, CHECKLIST + 1)}


def test_what_a_test_of_the_suite_says_it_proves_is_in_the_table() -> None:
    """The other way round: a docstring that names a line is among those of that line."""
    suite = (HERE / "plugin.py").read_text()
    for name, said in re.findall(r'^async def (test_\w+)\([^"]*?"""([^"]*)"""', suite, re.M | re.S):
        proven = {number.split()[0] for number, line in LINES.items() if name in line["tests"]}
        named = {f"B.{n}" for n in re.findall(r"Appendix B (\d+)", said)} | set(re.findall(r"azards? (0\.\d+)", said))
        assert named <= proven, name


def test_the_family_has_a_plugin_named_python() -> None:
    """Hazard 0.1: by that name alone the core sends watcher code."""
    file = REPOSITORY / "variants" / "python" / "plugin.toml"

    assert parse("python", file.read_text(), str(file)).program == "qntx-python-plugin"
