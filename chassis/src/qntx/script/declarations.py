"""What a script declares, read from its text and never by running it.

Pure. A declaration must therefore be readable: decorators on functions at the top level, with literal arguments (or
names that the script gives to literals at its top level). What cannot be read is a fault with its line, not a guess.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from datetime import timedelta
from inspect import cleandoc
from typing import Any

from qntx.errors import InvalidScript
from qntx.model.declaration import Declarations, Function, Watch
from qntx.script.decorators import handler_words, watched_texts
from qntx.script.durations import whole_seconds

_OURS = ("handler", "watch", "schedule")
_FunctionDef = ast.FunctionDef | ast.AsyncFunctionDef
_ARGUMENTS = {
    "handler": ("name", "description"),
    "watch": ("predicate", "context", "description"),
    "schedule": ("every", "description"),
}
_POSITIONAL = {"handler": 1, "watch": 2, "schedule": 1}
_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Mult: lambda left, right: left * right,
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
}


def read(code: str) -> Declarations:
    """What the script declares; InvalidScript where it has a fault."""
    module = _parsed(code)
    names = _Names()
    functions = []
    for node in module.body:
        if isinstance(node, _FunctionDef):
            functions.append(_function(node, names))
        names.take(node)
    _refuse_hidden(module, names)
    declared = [each for each in functions if each.by_hand or each.watches or each.periods]
    _refuse_namesakes(module, declared)
    main = [each for each in functions if each.name == "main"]
    return Declarations(
        functions=tuple(declared),
        main=main[-1] if main and not _calls_main(module) else None,
        description=ast.get_docstring(module) or "",
    )


def _parsed(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except SyntaxError as fault:
        raise InvalidScript(fault.lineno or 1, f"{type(fault).__name__}: {fault.msg}") from None
    except ValueError as fault:
        raise InvalidScript(1, str(fault)) from None
    except (RecursionError, MemoryError):
        raise InvalidScript(1, "the code is nested too deeply to be read") from None


class _Names:
    """What the script's names stand for, as far as it has been read: our decorators, this package, literals."""

    def __init__(self) -> None:
        self._decorators = {name: name for name in _OURS}
        self._packages: set[str] = set()
        self._literals: dict[str, ast.expr] = {}

    def decorator(self, node: ast.expr) -> str:
        """Which of ours a decorator is, called or not; empty for somebody else's."""
        called = node.func if isinstance(node, ast.Call) else node
        if isinstance(called, ast.Name):
            return self._decorators.get(called.id, "")
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            return called.attr if called.value.id in self._packages and called.attr in _OURS else ""
        return ""

    def value(self, node: ast.expr) -> Any:
        """What a literal says, sums of numbers and timedelta(…) included; ValueError for anything else."""
        if isinstance(node, ast.Name) and node.id in self._literals:
            return self.value(self._literals[node.id])
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
            return self._computed(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("timedelta", "datetime.timedelta"):
            return timedelta(
                *map(self.value, node.args), **{word.arg or "": self.value(word.value) for word in node.keywords}
            )
        if isinstance(node, ast.List | ast.Tuple):
            return [self.value(each) for each in node.elts]
        return ast.literal_eval(node)

    def _computed(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        # Numbers only: a text times a number could be made as large as memory.
        if not all(isinstance(each, int | float) and abs(each) < 2**53 for each in (left, right)):
            raise ValueError("not numbers")
        return _OPERATIONS[type(node.op)](left, right)

    def take(self, node: ast.stmt) -> None:
        """Read one more statement."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._bind(alias.asname or alias.name.partition(".")[0])
                if alias.name == "qntx":
                    self._packages.add(alias.asname or "qntx")
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                self._bind(alias.asname or alias.name)
                if node.module == "qntx" and alias.name in _OURS:
                    self._decorators[alias.asname or alias.name] = alias.name
        elif isinstance(node, _FunctionDef | ast.ClassDef):
            self._bind(node.name)
        else:
            for name in _assigned(node):
                self._bind(name)
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for target in _targets(node):
                    if isinstance(target, ast.Name):
                        self._literals[target.id] = node.value

    def _bind(self, name: str) -> None:
        """From here on the name means something else."""
        self._decorators.pop(name, None)
        self._packages.discard(name)
        self._literals.pop(name, None)


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _assigned(node: ast.stmt) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id


def _function(node: _FunctionDef, names: _Names) -> Function:
    notes = [(ours, *_note(ours, each, names)) for each in node.decorator_list if (ours := names.decorator(each))]
    spoken = [note[-1] for note in notes if note[-1]]
    if sum(note[0] == "schedule" for note in notes) > 1:
        raise InvalidScript(node.lineno, f"{node.name} has two schedules and hosts keep one; split it in two functions")
    arguments = node.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    return Function(
        name=node.name,
        description=cleandoc(spoken[0]) if spoken else ast.get_docstring(node) or "",
        by_hand=any(note[0] == "handler" for note in notes),
        alias=next((note[1] for note in notes if note[0] == "handler" and note[1]), ""),
        watches=tuple(note[1] for note in notes if note[0] == "watch"),
        periods=tuple(note[1] for note in notes if note[0] == "schedule"),
        takes=positional > 0 or arguments.vararg is not None,
        needs=positional > len(arguments.defaults),
    )


def _note(ours: str, decorator: ast.expr, names: _Names) -> tuple[Any, str]:
    """What the decorator says, and its description."""
    if not isinstance(decorator, ast.Call):
        if ours != "handler":
            raise InvalidScript(decorator.lineno, f"@{ours} needs arguments: @{ours}({_ARGUMENTS[ours][0]}=…)")
        return "", ""
    given = _arguments(ours, decorator, names)
    description = given.get("description") or ""
    try:
        if ours == "handler":
            return handler_words(given.get("name"), description)
        if ours == "watch":
            texts = {name: watched_texts(name, given.get(name)) for name in ("predicate", "context")}
            return Watch(predicates=texts["predicate"], contexts=texts["context"]), description
        return whole_seconds(given.get("every")), description
    except (TypeError, ValueError) as fault:
        raise InvalidScript(decorator.lineno, f"@{ours}: {str(fault).removeprefix(f'@{ours}: ')}") from None


def _arguments(ours: str, call: ast.Call, names: _Names) -> dict[str, Any]:
    known = _ARGUMENTS[ours]
    pairs = [*zip(known[: _POSITIONAL[ours]], call.args, strict=False)]
    if len(call.args) > _POSITIONAL[ours]:
        raise InvalidScript(call.lineno, f"@{ours} takes {_POSITIONAL[ours]} positional, not {len(call.args)}")
    pairs += [(word.arg or "**", word.value) for word in call.keywords]
    given: dict[str, Any] = {}
    for name, node in pairs:
        if name not in known or name in given:
            raise InvalidScript(node.lineno, f"@{ours} takes {', '.join(known)}, each once; {name!r} is not that")
        try:
            given[name] = names.value(node)
        except (TypeError, ValueError, OverflowError, RecursionError):
            fault = f"@{ours}: {name} is {ast.unparse(node)}, which only running the script would tell; write it out"
            raise InvalidScript(node.lineno, fault) from None
        if name in ("name", "description") and not isinstance(given[name], str | None):
            raise InvalidScript(node.lineno, f"@{ours}: {name} must be a text")
    return given


def _refuse_hidden(module: ast.Module, names: _Names) -> None:
    """A decorated function that is not at the top level could not be called by its name."""
    top = {id(node) for node in module.body}
    for node in ast.walk(module):
        if isinstance(node, _FunctionDef) and id(node) not in top:
            for decorator in node.decorator_list:
                if ours := names.decorator(decorator):
                    fault = f"{node.name} has @{ours} but is not at the top level of the script; move it there"
                    raise InvalidScript(decorator.lineno, fault)


def _refuse_namesakes(module: ast.Module, declared: list[Function]) -> None:
    """Of two functions of one name, the first could never be called."""
    seen = {function.name for function in declared}
    lines: dict[str, int] = {}
    for node in module.body:
        if isinstance(node, _FunctionDef) and node.name in seen:
            if node.name in lines:
                fault = f"{node.name} is defined on line {lines[node.name]} already; give it another name"
                raise InvalidScript(node.lineno, fault)
            lines[node.name] = node.lineno


def _calls_main(module: ast.Module) -> bool:
    """Whether the script calls main() itself, as under `if __name__ == "__main__"`."""
    statements = [node for node in module.body if not isinstance(node, _FunctionDef | ast.ClassDef)]
    return any(
        isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "main"
        for statement in statements
        for inner in ast.walk(statement)
    )
