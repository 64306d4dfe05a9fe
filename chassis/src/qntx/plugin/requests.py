"""What a caller asks to run, from the fields of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from qntx.errors import InvalidRequest, InvalidScript, Refused
from qntx.model.execution import Execution, Limits, Mode, Trigger
from qntx.plugin.fields import Fields
from qntx.script import declarations, triggers

SECONDS_LEAST, SECONDS_MOST = 0.001, 86_400
FILE_BYTES_MAX = 10 * 1024 * 1024


def execute(fields: Fields, execution_id: str, limits: Limits) -> Execution:
    return prepared(_asked(fields, execution_id, limits, code=fields.required_text("content", "code")))


def prepared(execution: Execution) -> Execution:
    """The run with the call that its code asks for: of the decorated function that fits, or of `main`."""
    try:
        declared = declarations.read(execution.code)
    except InvalidScript:
        return execution  # running it says what is wrong, with a traceback
    function = triggers.chosen(declared, execution.upstream)
    if function is None:
        return execution
    return replace(execution, call=function.name, call_with=triggers.arguments(function, execution.upstream))


def evaluate(fields: Fields, execution_id: str, limits: Limits) -> Execution:
    return _asked(
        fields, execution_id, limits, code=fields.required_text("expr", "content", "code"), mode=Mode.EVALUATE
    )


def execute_file(fields: Fields, execution_id: str, limits: Limits) -> Execution:
    """The file is read here, by the plugin, and its text may come back in a traceback: Python sources only."""
    given = fields.required_text("path")
    try:
        path = Path(given).resolve(strict=True)
        if path.suffix != ".py":
            raise InvalidRequest("path", f"{given} is no Python file (its name must end in .py)")
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InvalidRequest("path", f"{given} is larger than {FILE_BYTES_MAX} bytes")
        code = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as fault:
        raise InvalidRequest("path", f"Failed to read file {given}: {fault}") from fault
    return _asked(fields, execution_id, limits, code=code, filename=str(path))


def job_script(payload: Mapping[str, Any], execution_id: str, limits: Limits) -> Execution:
    """The script a job brings along: run as it is, or an ingest script whose `execute(payload)` is called."""
    fields = Fields(payload)
    if "script_code" in fields:
        name = fields.text("script_type") or "script"
        return Execution(
            code=fields.required_text("script_code"),
            id=execution_id,
            filename=f"<{name}>",
            limits=limits,
            call="execute",
            call_with=(payload,),
            upstream=payload.get("upstream"),
        )
    if not (fields.text("content") or fields.text("code")):
        raise Refused("Missing content in payload (or script_code, for an ingest script)")
    return Execution(code=fields.required_text("content", "code"), id=execution_id, filename="<job>", limits=limits)


def _asked(fields: Fields, execution_id: str, limits: Limits, **what: Any) -> Execution:
    if fields.texts("python_paths"):
        raise InvalidRequest("python_paths", "is set in the plugin's configuration, not with a request")
    seconds = fields.number("timeout_secs", limits.timeout_seconds, SECONDS_LEAST, SECONDS_MOST)
    return Execution(
        id=execution_id,
        limits=replace(limits, timeout_seconds=seconds),
        glyph_id=fields.text("glyph_id"),
        upstream=fields.value("upstream_attestation"),
        capture_variables=fields.flag("capture_variables"),
        session_id=fields.text("session_id"),
        trigger=Trigger("http"),
        **what,
    )
