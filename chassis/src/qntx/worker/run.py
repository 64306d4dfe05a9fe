"""One run, on the side where it happens."""

from __future__ import annotations

import builtins
import inspect
import json
import resource
import threading
from collections.abc import Callable, Mapping
from typing import Any

from qntx import script
from qntx.script import context
from qntx.script.context import Context
from qntx.script.records import as_upstream
from qntx.worker import frames, source
from qntx.worker.displays import is_rich, open_figures, to_bundle
from qntx.worker.failure import Failure, failure_of
from qntx.worker.line import Line
from qntx.worker.namespace import Namespace, short_repr
from qntx.worker.results import encode
from qntx.worker.sandbox.kernel import flush_c_streams
from qntx.worker.source import Evaluator
from qntx.worker.streams import flush_streams

_restore_builtins = vars(builtins).update
_to_json = json.JSONEncoder(ensure_ascii=False).encode


def perform(
    order: Mapping[str, Any], line: Line, namespace: Namespace, *, exit_functions: Callable[[], object] | None = None
) -> None:
    """Run what is ordered and send home what came of it.

    With `exit_functions`, this is the last that the process runs: its threads are waited for, then these are called.
    """
    builtins_before = vars(builtins).copy()
    failure, value = _execute(order, line, namespace, exit_functions)
    # What the script did to the builtins must not reach the code that reports on it.
    _restore_builtins(builtins_before)
    try:
        result, failure = _encoded(value, failure, order["filename"])
        head = _head(order, line, namespace, failure)
        flush_streams()
        flush_c_streams()
        line.send(frames.RESULT, frames.LENGTH.pack(len(head)) + head + result)
    finally:
        context.leave()


def _execute(
    order: Mapping[str, Any], line: Line, namespace: Namespace, exit_functions: Callable[[], object] | None
) -> tuple[Failure, Any]:
    filename = order["filename"]
    evaluator = Evaluator(namespace.names)
    value: Any = None
    try:
        line.begin()
        _enter(order, line, namespace)
        value = _value(order, evaluator, namespace)
        evaluator.close()
        if exit_functions and threading.active_count() > 1:
            # As Python does where a program ends: its threads first.
            threading._shutdown()  # type: ignore[attr-defined]
        if is_rich(value):
            line.tell("display", to_bundle(value))
        for figure in open_figures():
            line.tell("display", figure)
        if exit_functions:
            # After the figures: matplotlib closes them on exit.
            exit_functions()
        if not order["call"]:
            value = namespace.names.get("_result", value)
    except BaseException as raised:
        failed = failure_of(raised, filename)
        if failed is not None:
            return failed, None
        value = namespace.names.get("_result")
    return Failure(), value


def _enter(order: Mapping[str, Any], line: Line, namespace: Namespace) -> None:
    run = Context(
        channel=line,
        handler=order["handler"],
        glyph_id=order["glyph_id"],
        upstream=order["upstream"],
        script_name=order["filename"],
        source=order["code"],
        to_bundle=to_bundle,
    )
    context.enter(run)
    namespace.give(script.injected(run))


def _value(order: Mapping[str, Any], evaluator: Evaluator, namespace: Namespace) -> Any:
    if order["mode"] == "evaluate":
        return evaluator.evaluate(source.parse_expression(order["code"], order["filename"]))
    namespace.names.pop("_result", None)
    body, last = source.parse(order["code"], order["filename"])
    if body is not None:
        evaluator.evaluate(body)
    value = evaluator.evaluate(last) if last is not None else None
    if not order["call"]:
        return value
    function = namespace.names.get(order["call"])
    if not callable(function):
        raise NameError(f"the script defines no function {order['call']!r} at its top level")
    returned = function(*map(as_upstream, order["call_with"]))
    return evaluator.settle(returned) if inspect.iscoroutine(returned) else returned


def _encoded(value: Any, failure: Failure, filename: str) -> tuple[bytes, Failure]:
    try:
        return encode(value), failure
    except BaseException as raised:
        return b"null", failure_of(raised, filename) or failure


def _head(order: Mapping[str, Any], line: Line, namespace: Namespace, failure: Failure) -> bytes:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    head = {
        "outcome": failure.outcome,
        "error": failure.error,
        "missing_module": failure.missing_module,
        "refusals_told": line.refusals_told,
        "cpu_ms": 1000 * (own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime),
        "peak_rss_bytes": 1024 * max(own.ru_maxrss, children.ru_maxrss),
        "variables": _variables(namespace) if order["capture_variables"] else {},
    }
    return _to_json(head).encode("utf-8", "replace")


def _variables(namespace: Namespace) -> dict[str, str]:
    return {name: short_repr(value) for name, value in namespace.own().items()}
