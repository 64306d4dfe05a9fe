"""Who may import whom."""

from __future__ import annotations

import ast
import graphlib
import json
import subprocess
import sys
from pathlib import Path

import grimp
import pytest
from tests.architecture.sources import REPOSITORY, SOURCES, functions, modules, name_of

STANDARD_LIBRARY_ONLY = ["qntx", "qntx.errors", "qntx.model.variant", "qntx.script.context", "qntx.worker.zygote"]

TABLES_BY_NAME = {
    "qntx.cli.__main__",
    "qntx.cli.running",
    "qntx.host.store",
    "qntx.capsules.storage",
    "qntx.capsules.alias",
    "qntx.capsules.fastapi",
    "qntx.plugin.audit",
    "qntx.wire.tracing",
}
"""Where a module is imported by a name from a table, so that what is not used need not be installed, or not be waited
for: a plugin tells its port before it loads what seals its records."""


def test_the_levels_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run([linter], cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("qntx", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}

    graphlib.TopologicalSorter(imports).prepare()


@pytest.mark.parametrize("module", STANDARD_LIBRARY_ONLY)
def test_what_a_worker_inherits_is_the_standard_library_alone(module: str) -> None:
    """A linter cannot tell: importing a.b.c runs a/b/__init__.py, which it does not count."""
    code = f"import sys; sys.path.insert(0, {str(SOURCES)!r}); import json, {module}; print(json.dumps([*sys.modules]))"

    printed = subprocess.run([sys.executable, "-ISc", code], capture_output=True, text=True, check=True).stdout

    roots = {name.split(".")[0] for name in json.loads(printed)}
    assert roots - sys.stdlib_module_names - {"__main__"} == {"qntx"}


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_are_at_the_top(path: Path) -> None:
    inside = [
        node.lineno
        for function in functions(ast.parse(path.read_text()))
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert inside == []


def test_modules_are_imported_by_name_from_the_tables_only() -> None:
    by_name = {name_of(path) for path in modules() if "importlib.import_module(" in path.read_text()}

    # The far side of the fork imports what the manifest or the script names, never modules of ours.
    assert {name for name in by_name if not name.startswith(("qntx.worker.", "qntx.script."))} <= TABLES_BY_NAME
