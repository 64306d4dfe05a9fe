"""The ingest scripts a variant brings along: the Python files of `ingest/` beside its manifest.

They are read and never run here. What a script needs beyond a plain run it says in a list of its own, `NEEDS`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qntx.errors import InvalidScript

FOLDER = "ingest"


@dataclass(frozen=True, slots=True)
class Brought:
    """One of them, under the name that follows `ix`."""

    name: str
    code: str
    description: str
    needs: list[str]


def brought(manifest: Path | None) -> list[Brought]:
    """Those beside that manifest, by name; none for a variant without one."""
    folder = manifest.parent / FOLDER if manifest is not None else None
    if folder is None or not folder.is_dir():
        return []
    return [_read(file) for file in sorted(folder.glob("*.py"))]


def _read(file: Path) -> Brought:
    code = file.read_text(encoding="utf-8")
    try:
        module = ast.parse(code, file.name)
        needs = [need for value in _values(module, "NEEDS") for need in ast.literal_eval(value)]
    except (SyntaxError, ValueError) as fault:
        line = getattr(fault, "lineno", None) or 1
        raise InvalidScript(line, f"{file.name}: {fault}") from fault
    description = (ast.get_docstring(module) or "").partition("\n")[0]
    return Brought(file.stem.replace("_", "-"), code, description, needs)


def _values(module: ast.Module, name: str) -> Iterator[ast.expr]:
    for statement in module.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in statement.targets
        ):
            yield statement.value
