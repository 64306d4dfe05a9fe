"""Runs as messages: limits that were asked for, events as they happen, and how it ended.

A worker's result is JSON already and is carried as it is: never parsed, never written anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from qntx.errors import InvalidRequest, Refused
from qntx.model.execution import Execution, Limits, Mode, Outcome, Result, Trigger
from qntx.protocol import runtime_pb2

_OUTCOMES = {
    Outcome.FINISHED: runtime_pb2.FINISHED,
    Outcome.RAISED: runtime_pb2.RAISED,
    Outcome.TIMED_OUT: runtime_pb2.TIMED_OUT,
    Outcome.CANCELLED: runtime_pb2.CANCELLED,
    Outcome.OUT_OF_MEMORY: runtime_pb2.OUT_OF_MEMORY,
    Outcome.KILLED: runtime_pb2.KILLED,
}
_LIMITS = runtime_pb2.Limits.DESCRIPTOR.fields_by_name
_NUMBER_MAX = 2**63
_MODES = {runtime_pb2.MODE_EXECUTE: Mode.EXECUTE, runtime_pb2.MODE_EVALUATE: Mode.EVALUATE}


def record(result: Result, **more: Any) -> bytes:
    """The execution record as JSON: the seven keys QNTX's page reads, always, and whatever else is given."""
    head = {"success": result.success, "stdout": result.stdout, "stderr": result.stderr}
    tail = {
        "error": result.error or None,
        "duration_ms": round(result.duration_ms),
        "variables": result.variables,
        **more,
    }
    return _spliced(head, result.result_json, tail)


def job_record(result: Result) -> bytes:
    """What a job leaves: exactly stdout, stderr, duration_ms and result."""
    head = {"stdout": result.stdout, "stderr": result.stderr, "duration_ms": round(result.duration_ms)}
    return _spliced(head, result.result_json, {})


def execution_from_proto(request: runtime_pb2.RunRequest, limits: Limits) -> Execution:
    """What is asked for; limits that are not named come from the variant's own."""
    if request.mode not in _MODES:
        raise InvalidRequest("mode", f"{request.mode} is neither MODE_EXECUTE nor MODE_EVALUATE")
    return Execution(
        code=request.code,
        id=request.execution_id,
        mode=_MODES[request.mode],
        filename=request.filename or "<glyph>",
        limits=limits_from_proto(request.limits, limits),
        glyph_id=request.glyph_id,
        upstream=upstream_from_json(request.upstream_json),
        capture_variables=request.capture_variables,
        session_id=request.session_id,
        principal=request.principal,
        trigger=Trigger(request.trigger.kind or Trigger().kind, request.trigger.name),
    )


def execution_to_proto(execution: Execution) -> runtime_pb2.RunRequest:
    limits = execution.limits
    return runtime_pb2.RunRequest(
        execution_id=execution.id,
        code=execution.code,
        mode=runtime_pb2.MODE_EVALUATE if execution.mode is Mode.EVALUATE else runtime_pb2.MODE_EXECUTE,
        glyph_id=execution.glyph_id,
        upstream_json=b"" if execution.upstream is None else json.dumps(execution.upstream).encode(),
        limits=runtime_pb2.Limits(**{name: getattr(limits, name) for name in _LIMITS}),
        capture_variables=execution.capture_variables,
        session_id=execution.session_id,
        principal=execution.principal,
        filename=execution.filename,
        trigger=runtime_pb2.Trigger(kind=execution.trigger.kind, name=execution.trigger.name),
    )


def result_from_proto(
    end: runtime_pb2.End, stdout: str = "", stderr: str = "", displays: Iterable[runtime_pb2.Display] = ()
) -> Result:
    """The result, with the output and displays that came as events before it."""
    return Result(
        outcome=next((ours for ours, theirs in _OUTCOMES.items() if theirs == end.outcome), Outcome.KILLED),
        stdout=stdout,
        stderr=stderr,
        result_json=end.result_json or b"null",
        error=end.error,
        duration_ms=end.duration_ms,
        variables=dict(end.variables),
        displays=tuple(display_from_proto(display) for display in displays),
        stdout_bytes=end.stdout_bytes,
        stderr_bytes=end.stderr_bytes,
        truncated=end.truncated,
        attestations=end.attestations,
        cpu_ms=end.cpu_ms,
        peak_rss_bytes=end.peak_rss_bytes,
        missing_module=end.missing_module,
        capsule_id=end.capsule_id,
    )


def display_from_proto(display: runtime_pb2.Display) -> dict[str, Any]:
    """A MIME bundle as Jupyter has it: JSON forms as values, all others as text."""
    return {
        mime: json.loads(content) if mime.endswith("json") else content.decode("utf-8", "replace")
        for mime, content in display.bundle.items()
    }


def limits_from_proto(message: runtime_pb2.Limits, limits: Limits) -> Limits:
    named: dict[str, Any] = {
        name: getattr(message, name)
        for name in ("timeout_seconds", "memory_mib", "processes", "output_bytes", "scratch_mib")
        if message.HasField(name)
    }
    for name, value in named.items():
        if not value >= 0:
            raise InvalidRequest(f"limits.{name}", f"{value} is negative or no number")
    named |= {name: getattr(message, name) for name in ("network", "subprocess") if message.HasField(name)}
    named["readable_paths"] = (*limits.readable_paths, *message.readable_paths)
    return replace(limits, **named)


def upstream_from_json(text: bytes) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise Refused(f"upstream attestation is not valid JSON: {fault}") from None


def event_to_proto(sequence: int, kind: str, data: Any) -> runtime_pb2.RunEvent:
    """An event of a run. What a script reported may be anything; what the message cannot hold is left out."""
    event = runtime_pb2.RunEvent(sequence=sequence)
    match kind:
        case "started":
            event.started.CopyFrom(runtime_pb2.Started(execution_id=data["id"], sandbox=data["sandbox"]))
        case "stdout":
            event.stdout = data
        case "stderr":
            event.stderr = data
        case "display":
            event.display.CopyFrom(
                runtime_pb2.Display(bundle={_text(mime): _display_bytes(mime, value) for mime, value in data.items()})
            )
        case "progress":
            event.progress.CopyFrom(_progress(data))
        case "log":
            event.log.CopyFrom(_log(data))
        case "end":
            event.end.CopyFrom(end_to_proto(data))
        case _:
            raise ValueError(f"no event is called {kind!r}")
    return event


def end_to_proto(result: Result) -> runtime_pb2.End:
    return runtime_pb2.End(
        outcome=_OUTCOMES[result.outcome],
        error=_text(result.error),
        result_json=result.result_json,
        duration_ms=result.duration_ms,
        variables={_text(name): _text(value) for name, value in result.variables.items()},
        stdout_bytes=result.stdout_bytes,
        stderr_bytes=result.stderr_bytes,
        truncated=result.truncated,
        attestations=result.attestations,
        cpu_ms=result.cpu_ms,
        peak_rss_bytes=result.peak_rss_bytes,
        missing_module=_text(result.missing_module),
        capsule_id=result.capsule_id,
    )


def _progress(data: Mapping[str, Any]) -> runtime_pb2.Progress:
    total = data.get("total")
    return runtime_pb2.Progress(
        current=_number(data.get("current")),
        total=None if total is None else _number(total),
        message=_text(data.get("message") or ""),
    )


def _log(data: Mapping[str, Any]) -> runtime_pb2.Log:
    return runtime_pb2.Log(
        level=_text(data.get("level") or "info"),
        message=_text(data.get("message") or ""),
        fields_json=_text(json.dumps(data.get("fields") or {}, ensure_ascii=False)),
        timestamp_ms=int(_number(data.get("timestamp_ms"))),
    )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < _NUMBER_MAX else 0.0


def _text(value: Any) -> str:
    """As text that a message can hold: lone surrogates become question marks."""
    return str(value).encode("utf-8", "replace").decode()


def _display_bytes(mime: str, value: Any) -> bytes:
    as_it_is = isinstance(value, str) and not mime.endswith("json")
    text = value if as_it_is else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace")


def _spliced(head: Mapping[str, Any], result_json: bytes, tail: Mapping[str, Any]) -> bytes:
    parts = [_members(head), b'"result":' + (result_json or b"null"), _members(tail)]
    return b"{" + b",".join(part for part in parts if part) + b"}"


def _members(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")[1:-1]
