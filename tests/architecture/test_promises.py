"""What is written in two places says the same in both."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from importlib import metadata

import pytest
from tests.architecture.sources import REPOSITORY

import qntx
from qntx import errors

PUBLIC = ["qntx"]


def tree(branch: type[Exception], depth: int = 0) -> list[tuple[int, str]]:
    """An error's class and those below it, as deep as they are, in the order they are written."""
    below = [
        line
        for child in branch.__subclasses__()
        if child.__module__ == errors.__name__
        for line in tree(child, depth + 1)
    ]
    return [(depth, branch.__name__), *below]


def test_the_drawing_of_the_errors_is_their_tree() -> None:
    drawn = re.findall(r"^( *)([A-Z][A-Za-z]+)(?:  .*)?$", (errors.__doc__ or "").split("\n\n")[-1], re.MULTILINE)

    assert sorted(((len(indent) // 4, name) for indent, name in drawn)) == sorted(tree(errors.ChassisError))
    assert [name for _, name in drawn if name in dir(errors)] == [name for _, name in drawn]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_those_of_all(name: str) -> None:
    module = importlib.import_module(name)
    source = ast.parse((REPOSITORY / "chassis" / "src" / name / "__init__.py").read_text())
    imported = {
        alias.asname or alias.name
        for node in source.body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }

    assert list(module.__all__) == sorted(module.__all__)
    assert all(hasattr(module, public) for public in module.__all__)
    assert {public for public in imported if public.islower() and public in module.__all__} <= set(module.__all__)


def test_the_version_is_one() -> None:
    pyproject = tomllib.loads((REPOSITORY / "chassis" / "pyproject.toml").read_text())
    released = re.search(r"^## \[(\d[^\]]*)\]", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert released is not None
    assert {pyproject["project"]["version"], released[1], metadata.version("qntx-chassis")} == {qntx.__version__}
