"""Which plugins the conformance suite is put to."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("plugin", "conformance of a plugin")
    group.addoption("--plugin", metavar="PROGRAM", help="the plugin to drive, instead of those of this repository")
    group.addoption("--patience", type=float, help="times the seconds that it has, where the machine has more to do")
    group.addoption("--plugin-name", metavar="NAME", help="the name it should go by (default: from qntx-NAME-plugin)")
