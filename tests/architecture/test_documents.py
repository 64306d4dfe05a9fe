"""What the documents beside the chassis promise can be looked up in the tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.architecture.sources import REPOSITORY

THREAT_MODEL = (REPOSITORY / "chassis" / "THREAT-MODEL.md").read_text()
COMING_FROM_PYRE = (REPOSITORY / "chassis" / "COMING-FROM-PYRE.md").read_text()
TESTS = REPOSITORY / "tests"
PLUGIN = REPOSITORY / "chassis" / "src" / "qntx"


def _sources(folder: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(folder.rglob("*.py")))


DEFINED = set(re.findall(r"def (test_\w+)", _sources(TESTS)))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", THREAT_MODEL))))
def test_a_defence_names_a_test_that_exists(name):
    assert name in DEFINED


def test_every_threat_has_a_defence_and_every_defence_a_test():
    rows = [line for line in THREAT_MODEL.splitlines() if line.startswith("| ") and not line.startswith("| threat")]

    for row in rows:
        _, defence, shown_by = (cell.strip() for cell in row.strip("|").split("|"))
        assert defence, row
        assert re.search(r"`test_\w+`", shown_by), row


def test_every_kept_error_text_is_still_said():
    """Those that the table quotes, up to what varies in them."""
    row = next(line for line in COMING_FROM_PYRE.splitlines() if line.startswith("| error texts"))
    source = _sources(PLUGIN)
    for text in re.findall(r"`([^`]+)`", row):
        if field := re.fullmatch(r"Missing '(\w+)' field", text):
            assert re.search(rf"""(MissingField|required_text)\("{field[1]}\"""", source) or text in source, text
        else:
            assert re.split(r" (?:METHOD|X|…)", text.removesuffix(" …"))[0] in source, text
