"""The modules of the package, and the text of the repository, as the tests here walk them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SOURCES = REPOSITORY / "chassis" / "src"
GENERATED = "_pb2.py"


def modules() -> list[Path]:
    """Every module we wrote."""
    return sorted(path for path in (SOURCES / "qntx").rglob("*.py") if not path.name.endswith(GENERATED))


def name_of(path: Path) -> str:
    """A module's dotted name."""
    parts = path.relative_to(SOURCES).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def tracked() -> list[Path]:
    """Every file that is part of the repository."""
    listed = subprocess.run(["git", "-C", REPOSITORY, "ls-files", "-z"], capture_output=True, text=True, check=True)
    return [path for name in listed.stdout.split("\0") if name and (path := REPOSITORY / name).is_file()]
