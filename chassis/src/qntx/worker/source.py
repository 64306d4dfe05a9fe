"""A script's source: compiled so that its last expression has a value and its lines can be shown."""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
from collections.abc import Coroutine
from types import CodeType
from typing import Any

_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def parse(code: str, filename: str) -> tuple[CodeType | None, CodeType | None]:
    """The statements, and the last expression where the code ends in one that no semicolon silences."""
    remember(code, filename)
    tree = ast.parse(code, filename)
    last: CodeType | None = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not _silenced(code, tree.body[-1]):
        expression = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        last = compile(expression, filename, "eval", flags=_FLAGS, dont_inherit=True)
    body = compile(tree, filename, "exec", flags=_FLAGS, dont_inherit=True) if tree.body else None
    return body, last


def parse_expression(code: str, filename: str) -> CodeType:
    """The code as one expression."""
    code = code.strip()
    remember(code, filename)
    compiled: CodeType = compile(code, filename, "eval", flags=_FLAGS, dont_inherit=True)
    return compiled


def remember(code: str, filename: str) -> None:
    """Let tracebacks and inspect show the lines of code that is in no file."""
    linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)


class Evaluator:
    """Runs code objects in one namespace; all that is awaited at the top level shares one event loop."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._runner: asyncio.Runner | None = None

    def evaluate(self, code: CodeType) -> Any:
        value = eval(code, self._namespace)
        return self.settle(value) if code.co_flags & inspect.CO_COROUTINE else value

    def settle(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """The coroutine's value."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(coroutine)

    def close(self) -> None:
        """Cancel what is still running in the loop, as asyncio.run does."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            runner.close()


def _silenced(code: str, last: ast.Expr) -> bool:
    """Does a semicolon follow the last expression? IPython's way to say that its value is not wanted."""
    lines = code.encode().split(b"\n")
    end = last.end_lineno or 1
    rest = [lines[end - 1][last.end_col_offset or 0 :], *lines[end:]]
    return any(line.strip().startswith(b";") for line in rest)
