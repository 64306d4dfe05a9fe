"""Runs Pulse's jobs in the plugins that announce their handlers."""

from __future__ import annotations

import asyncio
import json
import math
import time
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

import msgspec

from qntx.errors import ChassisError, NotFound, PluginUnavailable
from qntx.host.plugins.client import PluginClient
from qntx.host.plugins.registry import Plugin, Registry, State
from qntx.host.pulse.api import Report
from qntx.model.execution import Result
from qntx.model.job import Grants, Job, JobOutcome, LogLine
from qntx.protocol import domain_pb2, runtime_pb2
from qntx.wire.execution import result_from_proto

OUTPUT_STAGES = {"stdout": "info", "stderr": "error"}
LINE_CHARACTERS_MAX = 4000
UNLIMITED_SECONDS = 366 * 86_400.0
"""For a job without a timeout: a plugin that is told none takes its own."""


class _JobRecord(msgspec.Struct):
    """What ExecuteJob answers as its result."""

    result: msgspec.Raw = msgspec.Raw(b"null")


class _IngestPayload(msgspec.Struct):
    """What makes a job of a provider's `script` the run of an ingest script."""

    script_code: str
    script_type: str


class PluginDispatcher:
    """Implements `qntx.host.pulse.api.Dispatcher` over the running plugins."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def missing(self, handler_name: str) -> str:
        name, _, handler = handler_name.partition("/")
        try:
            plugin = self._registry.get(name)
        except NotFound as unknown:
            return str(unknown)
        if plugin.state is not State.RUNNING or plugin.announced is None:
            return f"plugin {name!r} is {plugin.state.value}"
        return "" if _announces(plugin, handler) else f"plugin {name!r} has no handler {handler!r}"

    async def run(self, job: Job, report: Report) -> JobOutcome:
        name, _, handler = job.handler_name.partition("/")
        client = self._registry.get(name).reached()
        if client.streams:
            return _named(job, await self._watched(client, job, handler, report))
        request = domain_pb2.ExecuteJobRequest(
            job_id=job.id,
            handler_name=handler,
            payload=job.payload_json,
            timeout_secs=math.ceil(job.timeout_seconds or UNLIMITED_SECONDS),
        )
        return _named(job, _outcome(await client.execute_job(request, job.principal)))

    async def _watched(self, client: PluginClient, job: Job, handler: str, report: Report) -> JobOutcome:
        request = runtime_pb2.RunJobRequest(
            job_id=job.id,
            # A run that was lost is begun again: a run of its own, not the one that was lost.
            execution_id=f"{job.id}.{job.attempts}",
            handler_name=handler,
            payload=job.payload_json,
            timeout_seconds=job.timeout_seconds or UNLIMITED_SECONDS,
            limits=_limits(job.grants),
            principal=job.principal,
        )
        try:
            result = await _watch(client, request, _Lines(report))
        except asyncio.CancelledError:
            # A plugin lets a run that nobody watches go on for a moment, should its caller come back; nobody will.
            with suppress(ChassisError):
                await client.cancel(request.execution_id)
            raise
        version = self._registry.get(client.name).metadata.version
        return JobOutcome(result.success, result.result_json, result.error, (_summary(result),), plugin_version=version)


async def _watch(client: PluginClient, request: runtime_pb2.RunJobRequest, lines: _Lines) -> Result:
    """How the run ended, its lines and progress reported on the way."""
    async with aclosing(client.run_job(request)) as events:
        async for event in events:
            kind = event.WhichOneof("event")
            if kind == "end":
                lines.close()
                return result_from_proto(event.end)
            lines.take(kind, getattr(event, kind))
    raise PluginUnavailable(f"plugin {client.name!r} ended the run without saying how it ended")


class _Lines:
    """A run's events, reported as lines and progress."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._partial: dict[str, bytes] = dict.fromkeys(OUTPUT_STAGES, b"")

    def take(self, kind: str, value: Any) -> None:
        if kind in OUTPUT_STAGES:
            *whole, rest = (self._partial[kind] + value).split(b"\n")
            self._partial[kind] = rest
            for line in whole:
                self._output(kind, line)
        elif kind == "progress":
            total = value.total if value.HasField("total") else None
            self._report.progress(value.current, total, value.message)
        elif kind == "log":
            # When it was is not for the script to say.
            self._report.log(LogLine(_now_ms(), value.level, value.message, "log", value.fields_json))

    def close(self) -> None:
        for kind, rest in self._partial.items():
            if rest:
                self._output(kind, rest)

    def _output(self, kind: str, line: bytes) -> None:
        text = line.decode(errors="replace")[:LINE_CHARACTERS_MAX]
        self._report.log(LogLine(_now_ms(), OUTPUT_STAGES[kind], text, kind))


def _limits(grants: Grants) -> runtime_pb2.Limits:
    return runtime_pb2.Limits(
        network=grants.network or None,
        subprocess=grants.subprocess or None,
        readable_paths=grants.readable_paths,
    )


def _announces(plugin: Plugin, handler: str) -> bool:
    announced = plugin.announced
    return announced is not None and handler in announced.handler_names


def _named(job: Job, outcome: JobOutcome) -> JobOutcome:
    """The failure of an ingest script says whose it is."""
    if outcome.success or not job.handler_name.endswith(".script"):
        return outcome
    try:
        payload = msgspec.json.decode(job.payload_json, type=_IngestPayload)
    except msgspec.MsgspecError:
        return outcome
    return replace(outcome, error=f"Script '{payload.script_type}' failed: {outcome.error}")


def _summary(result: Result) -> LogLine:
    noun = "attestation" if result.attestations == 1 else "attestations"
    text = f"{result.outcome.value} after {result.duration_ms:.0f} ms, {result.attestations} {noun}"
    facts = json.dumps({"cpu_ms": result.cpu_ms, "peak_rss_bytes": result.peak_rss_bytes})
    return LogLine(_now_ms(), "info" if result.success else "error", text, "summary", facts)


def _outcome(answer: domain_pb2.ExecuteJobResponse) -> JobOutcome:
    result = b"null"
    if answer.result:
        try:
            result = bytes(msgspec.json.decode(answer.result, type=_JobRecord).result)
        except msgspec.MsgspecError:  # a plugin with a record of its own
            result = json.dumps(answer.result.decode(errors="replace")).encode()
    return JobOutcome(
        success=answer.success,
        result_json=result,
        error=answer.error or ("" if answer.success else "the plugin did not say why"),
        log=tuple(
            LogLine(_now_ms(), entry.level, entry.message, entry.stage, entry.metadata) for entry in answer.log_entries
        ),
        cost=answer.cost_actual if math.isfinite(answer.cost_actual) else 0.0,
        plugin_version=answer.plugin_version,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
