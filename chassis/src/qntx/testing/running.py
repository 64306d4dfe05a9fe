"""Run a script here and now, as a worker would, and say what came of it."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from qntx.script import context, declarations, injected
from qntx.script.context import Context
from qntx.script.records import as_upstream
from qntx.script.triggers import arguments, chosen
from qntx.testing.host import FakeHost
from qntx.worker import source
from qntx.worker.namespace import Namespace


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run left behind."""

    result: Any
    """What the called function returned, else `_result`, else the value of the last expression."""
    stdout: str
    attestations: list[dict[str, Any]]
    """What the script itself attested, in order."""
    host: FakeHost
    variables: dict[str, Any] = field(default_factory=dict)
    """What the script's top-level names stand for afterwards."""

    @property
    def displays(self) -> list[dict[str, Any]]:
        return self._told("display")

    @property
    def logs(self) -> list[dict[str, Any]]:
        return self._told("log")

    @property
    def progress(self) -> list[dict[str, Any]]:
        return self._told("progress")

    def _told(self, kind: str) -> list[dict[str, Any]]:
        return [data for told, data in self.host.told if told == kind]


@contextmanager
def running(host: FakeHost | None = None, **about: Any) -> Iterator[FakeHost]:
    """For calling a handler's functions directly: within, `attest()` and the rest reach the host.

    `about` are fields of qntx.script.context.Context: handler, glyph_id, upstream.
    """
    host = host or FakeHost()
    context.enter(Context(channel=host, **about))
    try:
        yield host
    finally:
        context.leave()


def run_script(
    code: str,
    upstream: Mapping[str, Any] | None = None,
    *,
    handler: str = "handler",
    function: str = "",
    glyph_id: str = "",
    host: FakeHost | None = None,
) -> Ran:
    """Run the script as the handler of that name: its module, then the function that `upstream` or `function` means.

    `handler=""` runs it as a glyph's code, which must say its contexts itself.
    """
    host = host or FakeHost()
    before = len(host.attested)
    called = chosen(declarations.read(code), upstream, function)
    about = {"handler": handler, "glyph_id": glyph_id, "upstream": upstream, "source": code}
    printed = io.StringIO()
    with running(host, **about), _main_module() as namespace, redirect_stdout(printed):
        namespace.give(injected(context.current("run_script")))
        evaluator = source.Evaluator(namespace.names)
        try:
            body, last = source.parse(code, f"<{handler or 'glyph'}>")
            if body is not None:
                evaluator.evaluate(body)
            result = evaluator.evaluate(last) if last is not None else None
            result = namespace.names.get("_result", result)
            if called is not None:
                returned = namespace.names[called.name](*map(as_upstream, arguments(called, upstream)))
                result = evaluator.settle(returned) if inspect.iscoroutine(returned) else returned
        finally:
            evaluator.close()
    return Ran(result, printed.getvalue(), host.attested[before:], host, namespace.own())


@contextmanager
def _main_module() -> Iterator[Namespace]:
    """A `__main__` of the script's own; the test's is put back."""
    tests_own = sys.modules["__main__"]
    try:
        yield Namespace()
    finally:
        sys.modules["__main__"] = tests_own
