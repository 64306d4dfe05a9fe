"""Runs code for whoever asks the host: finds the plugin of its glyph, makes one flat answer of what happens there.

Every way in goes through here: HTTP, the command line, watchers. Plugins that offer PythonRuntime stream; of others the
one call that every python provider has is made.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import re
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec

from qntx.errors import ChassisError, NotFound
from qntx.host.plugins.client import PluginClient
from qntx.host.plugins.registry import Plugin, Registry, State
from qntx.host.plugins.router import glyph_of, route
from qntx.model.execution import Mode, Outcome, Result, Trigger
from qntx.protocol import python_pb2, runtime_pb2
from qntx.wire.execution import display_from_proto, result_from_proto

MISSING_MODULE = re.compile(r"^ModuleNotFoundError: No module named '([^']+)'", re.MULTILINE)
MODES = {Mode.EXECUTE: runtime_pb2.MODE_EXECUTE, Mode.EVALUATE: runtime_pb2.MODE_EVALUATE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Code that is to run under a glyph. What is not set is the variant's to say."""

    code: str
    glyph: str = "py"
    mode: Mode = Mode.EXECUTE
    glyph_id: str = ""
    session_id: str = ""
    upstream: Any = None
    timeout_seconds: float | None = None
    capture_variables: bool = False
    trigger: Trigger = field(default_factory=lambda: Trigger("http"))
    principal: str = ""
    """Who asks: the name of their token. Fair turns, sessions and the record go by it."""
    execution_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """The same id again is the same run, never a second one."""


class Answer(msgspec.Struct, kw_only=True, frozen=True):
    """What a caller gets: how the run ended, flat. A script that failed is an answer too."""

    success: bool
    stdout: str
    stderr: str
    result: msgspec.Raw
    error: str | None
    duration_ms: float
    displays: Sequence[dict[str, Any]]
    glyph: str
    provider: str
    execution_id: str
    capsule_id: str
    """Its record in the audit trail; empty where the plugin keeps none."""
    outcome: str
    truncated: bool
    variables: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    try_glyphs: list[str] | msgspec.UnsetType = msgspec.UNSET
    """Glyphs whose plugin has the module that was missing."""


class Happened(NamedTuple):
    """started, stdout, stderr, display, progress, log or missed, and last `end` with the Answer."""

    kind: str
    data: Any


class Observer(Protocol):
    """Who is told of the runs of glyphs."""

    async def began(self, script: Script) -> Script:
        """What it returns is what runs."""

    def happened(self, script: Script, event: Happened) -> None:
        """What it says while it goes."""

    async def ended(self, script: Script, answer: Answer | None, reason: str = "") -> None:
        """Before whoever asked has the answer. Without one, the reason says why."""


class Executor:
    """The one place where the host runs code."""

    observer: Observer | None = None

    def __init__(self, registry: Registry, default_provider: str = "") -> None:
        self._registry = registry
        self._default_provider = default_provider
        self._under_way: dict[str, PluginClient] = {}

    async def run(self, script: Script) -> Answer:
        """Run it to its end. Cancelling the task that awaits this stops the run."""
        async with aclosing(self.stream(script)) as events:
            async for kind, data in events:
                if kind == "end":
                    answer: Answer = data
                    return answer
        raise AssertionError("every stream ends with `end`")

    async def stream(self, script: Script) -> AsyncGenerator[Happened, None]:
        """Run it and tell what happens. Leaving the iteration early stops the run."""
        observer = self.observer if script.glyph_id else None
        async with aclosing(self._observed(observer, script) if observer else self._run(script)) as events:
            async for event in events:
                yield event

    async def _observed(self, observer: Observer, script: Script) -> AsyncGenerator[Happened, None]:
        script = await observer.began(script)
        answer, reason = None, "stopped: whoever asked for it went away"
        try:
            async with aclosing(self._run(script)) as events:
                async for event in events:
                    if event.kind == "end":
                        answer = event.data
                        await observer.ended(script, answer)
                    else:
                        observer.happened(script, event)
                    yield event
        except ChassisError as error:
            reason = str(error)
            raise
        finally:
            if answer is None:
                await observer.ended(script, None, reason)

    async def _run(self, script: Script) -> AsyncGenerator[Happened, None]:
        plugin = self._registry.get(route(script.glyph, self._registry.providers(), self._default_provider))
        client = plugin.reached()
        self._under_way[script.execution_id] = client
        try:
            if client.streams:
                async with aclosing(self._streamed(client, script)) as events:
                    async for event in events:
                        yield event
            else:
                yield Happened("end", await self._called(client, script))
        finally:
            self._under_way.pop(script.execution_id, None)

    async def cancel(self, execution_id: str) -> bool:
        """Stop that run. Raises NotFound where no run of that id is under way."""
        if execution_id not in self._under_way:
            raise NotFound(f"no run {execution_id!r} is under way")
        return await self._under_way[execution_id].cancel(execution_id)

    async def _streamed(self, client: PluginClient, script: Script) -> AsyncGenerator[Happened, None]:
        kept = _Kept()
        async with aclosing(client.run(_request(script))) as events:
            async for event in events:
                kind = event.WhichOneof("event")
                if kind == "end":
                    yield Happened("end", await self._answer(script, client.name, kept.result(event.end)))
                    return
                yield kept.took(kind, event)
        lost = Result(Outcome.KILLED, error=f"plugin {client.name!r} ended the run without saying how it ended")
        yield Happened("end", await self._answer(script, client.name, lost))

    async def _called(self, client: PluginClient, script: Script) -> Answer:
        upstream = b"" if script.upstream is None else json.dumps(script.upstream).encode()
        code = f"_result = (\n{script.code}\n)" if script.mode is Mode.EVALUATE else script.code
        request = python_pb2.PythonExecuteRequest(code=code, glyph_id=script.glyph_id, upstream_attestation=upstream)
        answer = await client.execute(request, script.timeout_seconds, script.principal)
        return await self._answer(script, client.name, _recorded(answer))

    async def _answer(self, script: Script, provider: str, result: Result) -> Answer:
        owners = await self._owners(result.missing_module, provider)
        return Answer(
            success=result.success,
            stdout=result.stdout,
            stderr=result.stderr,
            result=_valid(result.result_json),
            error=_with_hint(result.error, result.missing_module, owners) or None,
            duration_ms=round(result.duration_ms, 3),
            displays=result.displays,
            glyph=script.glyph,
            provider=provider,
            execution_id=script.execution_id,
            capsule_id=result.capsule_id,
            outcome=result.outcome.value,
            truncated=result.truncated,
            variables=result.variables if script.capture_variables else msgspec.UNSET,
            try_glyphs=owners or msgspec.UNSET,
        )

    async def _owners(self, module: str, provider: str) -> list[str]:
        """The glyphs of the other plugins that have this module."""
        if not module:
            return []
        others = [plugin for plugin in self._registry if plugin.name != provider and plugin.state is State.RUNNING]
        has = await asyncio.gather(*(_has(plugin, module.partition(".")[0]) for plugin in others))
        return [glyph_of(plugin.name) for plugin, it_has in zip(others, has, strict=True) if it_has]


async def _has(plugin: Plugin, module: str) -> bool:
    try:
        capabilities = await plugin.reached().capabilities()
    except ChassisError:  # a hint is not worth failing for
        return False
    return capabilities is not None and module in capabilities.modules


class _Kept:
    """What a stream has said so far, for the answer at its end."""

    def __init__(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")
        self._text: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._decoders = {name: decoder(errors="replace") for name in self._text}
        self._displays: list[runtime_pb2.Display] = []

    def took(self, kind: str, event: runtime_pb2.RunEvent) -> Happened:
        value = getattr(event, kind)
        match kind:
            case "stdout" | "stderr":
                text = self._decoders[kind].decode(value)
                self._text[kind].append(text)
                return Happened(kind, {"text": text})
            case "display":
                self._displays.append(value)
                return Happened(kind, display_from_proto(value))
            case "progress":
                total = value.total if value.HasField("total") else None
                return Happened(kind, {"current": value.current, "total": total, "message": value.message})
            case "log":
                fields = json.loads(value.fields_json or "{}")
                return Happened(kind, {"level": value.level, "message": value.message, "fields": fields})
            case "started":
                return Happened(kind, {"execution_id": value.execution_id, "sandbox": value.sandbox})
            case _:
                return Happened(kind, {"events": value})

    def result(self, end: runtime_pb2.End) -> Result:
        stdout, stderr = (
            "".join(parts) + self._decoders[name].decode(b"", final=True) for name, parts in self._text.items()
        )
        return result_from_proto(end, stdout, stderr, self._displays)


def _request(script: Script) -> runtime_pb2.RunRequest:
    return runtime_pb2.RunRequest(
        execution_id=script.execution_id,
        code=script.code,
        mode=MODES[script.mode],
        glyph_id=script.glyph_id,
        upstream_json=b"" if script.upstream is None else json.dumps(script.upstream).encode(),
        limits=runtime_pb2.Limits(timeout_seconds=script.timeout_seconds),
        capture_variables=script.capture_variables,
        session_id=script.session_id,
        principal=script.principal,
        trigger=runtime_pb2.Trigger(kind=script.trigger.kind, name=script.trigger.name),
    )


class _Record(msgspec.Struct):
    """The execution record that a python provider puts into PythonExecuteResponse.result."""

    stdout: str = ""
    stderr: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")
    duration_ms: float = 0.0
    variables: dict[str, str] | None = None
    displays: list[dict[str, Any]] | None = None


def _recorded(response: python_pb2.PythonExecuteResponse) -> Result:
    try:
        record = msgspec.json.decode(response.result, type=_Record)
    except msgspec.MsgspecError:  # a provider that puts the bare result there
        record = _Record(stdout=response.output, result=msgspec.Raw(response.result or b"null"))
    missing = MISSING_MODULE.findall(response.error)
    return Result(
        outcome=Outcome.FINISHED if response.success else Outcome.RAISED,
        stdout=record.stdout or response.output,
        stderr=record.stderr,
        result_json=bytes(record.result),
        error="" if response.success else response.error or "the plugin did not say why",
        duration_ms=record.duration_ms,
        variables=record.variables or {},
        displays=tuple(record.displays or ()),
        missing_module=missing[-1] if missing else "",
    )


def _valid(result_json: bytes) -> msgspec.Raw:
    """The plugin's JSON, spliced into the answer only if it is one whole value. None of it is built here."""
    try:
        msgspec.json.decode(result_json, type=msgspec.Raw)
        result_json.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.Raw(msgspec.json.encode(result_json.decode(errors="replace")))
    return msgspec.Raw(result_json)


def _with_hint(error: str, module: str, owners: Sequence[str]) -> str:
    if not owners:
        return error
    verb = "has" if len(owners) == 1 else "have"
    return f"{error.rstrip()}\n{' and '.join(owners)} {verb} {module.partition('.')[0]}: run it with that glyph."
