"""QNTX's core as a plugin sees it, small enough to run inside a test.

It starts a plugin as the core does, with the same patience, and offers it the services the core offers, with their
manners: the token in field 1, refusals as success=false with status OK, actors overwritten with the attestation's id,
newest first, no AttestationIntake. Where the real core would crash, `crashes` says so.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import grpc
import grpc.aio
import psutil

from qntx.model.identity import asid
from qntx.protocol import atsstore_pb2 as ats
from qntx.protocol import domain_pb2 as domain
from qntx.protocol import fetch_pb2, queue_pb2, schedule_pb2
from qntx.wire.services import MESSAGE_OPTIONS, Stub, add_service

PORT_BASE = 38_700
PORT_LINE_SECONDS = 2.0
METADATA_SECONDS = 5.0
PATIENCE_SECONDS = 20.0
"""Of tests that are about something else than the core's two seconds, on a machine that has more to do."""
BAD_TOKEN = "invalid authentication token"

_SERVICES = {
    "ats_store_endpoint": ats.DESCRIPTOR.services_by_name["ATSStoreService"],
    "queue_endpoint": queue_pb2.DESCRIPTOR.services_by_name["QueueService"],
    "schedule_endpoint": schedule_pb2.DESCRIPTOR.services_by_name["ScheduleService"],
    "fetch_endpoint": fetch_pb2.DESCRIPTOR.services_by_name["FetchService"],
}


class Panelled(NamedTuple):
    """A handler as the handlers panel shows it."""

    name: str
    code: str
    periods: list[int]
    watched: list[tuple[str, ...]]


@dataclass(slots=True)
class Core:
    """The services of a core, each on a port of its own. An async context manager."""

    token: str = field(default_factory=lambda: secrets.token_hex(32))
    rows: list[ats.Attestation] = field(default_factory=list)
    jobs: list[queue_pb2.Job] = field(default_factory=list)
    schedules: dict[str, schedule_pb2.ScheduledJob] = field(default_factory=dict)
    fetched: list[fetch_pb2.FetchRequest] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    """What would have brought the real core down."""
    delay_seconds: float = 0.0
    """Before each answer of the attestation store."""
    refused_subjects: set[str] = field(default_factory=set)
    endpoints: dict[str, str] = field(default_factory=dict)
    _servers: list[grpc.aio.Server] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        for name, service in _SERVICES.items():
            server = grpc.aio.server()
            add_service(server, service, self)
            self.endpoints[name] = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
            await server.start()
            self._servers.append(server)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(server.stop(0) for server in self._servers))

    def initialize_request(self, config: Mapping[str, str] | None = None) -> domain.InitializeRequest:
        """As the core fills it: addresses without a scheme, floats with six decimals, its own argv among the values."""
        given = {"args": '["--log-level","debug"]', **(config or {})}
        return domain.InitializeRequest(auth_token=self.token, config=given, **self.endpoints)

    def publish(
        self,
        subjects: Sequence[str],
        predicates: Sequence[str],
        contexts: Sequence[str],
        attributes: Mapping[str, Any] | None = None,
    ) -> ats.Attestation:
        """An attestation that somebody else made."""
        row = ats.Attestation(
            id=_new_id(subjects, predicates, contexts),
            subjects=subjects,
            predicates=predicates,
            contexts=contexts,
            timestamp=_now_ms(),
            created_at=_now_ms(),
        )
        row.attributes.update(dict(attributes or {}))
        self.rows.append(row)
        return row

    def with_predicate(self, predicate: str) -> list[ats.Attestation]:
        return [row for row in self.rows if predicate in row.predicates]

    def handlers_panel(self, plugin: str, answer: domain.InitializeResponse) -> list[Panelled]:
        """The page's list of handlers after that Initialize: newest first, joined as the page joins them."""
        schedules = [(f"{plugin}/{each.handler_name}", each.interval_seconds) for each in answer.schedules]
        watchers = [(plugin, each.handler_name, tuple(each.predicates)) for each in answer.watchers]
        newest = {row.subjects[0]: row for row in self.rows if "handler" in row.predicates}
        return [
            Panelled(
                subject,
                row.attributes["code"],
                [seconds for name, seconds in schedules if name == f"{row.contexts[0]}/{subject}"],
                [wanted for owner, name, wanted in watchers if (owner, name) == (row.contexts[0], subject)],
            )
            for subject, row in reversed(newest.items())
        ]

    # ATSStoreService

    async def GenerateAndCreateAttestation(self, request: Any, _context: Any) -> Any:
        await asyncio.sleep(self.delay_seconds)
        if request.auth_token != self.token:
            return ats.GenerateAttestationResponse(success=False, error=BAD_TOKEN)
        if not request.HasField("command"):
            return ats.GenerateAttestationResponse(success=False, error="command is nil")
        if self.refused_subjects.intersection(request.command.subjects):
            return ats.GenerateAttestationResponse(success=False, error="subject not wanted")
        return ats.GenerateAttestationResponse(success=True, attestation=self._create(request.command))

    async def BatchGenerateAndCreateAttestations(self, request: Any, _context: Any) -> Any:
        if request.auth_token != self.token:
            return ats.BatchGenerateAttestationResponse(success=False, error=BAD_TOKEN)
        for command in request.commands:
            self._create(command)
        return ats.BatchGenerateAttestationResponse(success=True, created=len(request.commands))

    async def GetAttestations(self, request: Any, _context: Any) -> Any:
        await asyncio.sleep(self.delay_seconds)
        if not request.HasField("filter"):
            self.crashes.append("GetAttestations without a filter")
        if request.auth_token != self.token:
            return ats.GetAttestationsResponse(success=False, error=BAD_TOKEN)
        return ats.GetAttestationsResponse(success=True, attestations=self._matching(request.filter))

    async def GetAttestationsStream(self, request: Any, context: Any) -> AsyncIterator[ats.Attestation]:
        await asyncio.sleep(self.delay_seconds)
        if not request.HasField("filter"):
            self.crashes.append("GetAttestationsStream without a filter")
        if request.auth_token != self.token:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, BAD_TOKEN)
        for row in self._matching(request.filter):
            yield row

    async def AttestationExists(self, request: Any, _context: Any) -> Any:
        known = request.auth_token == self.token and any(row.id == request.id for row in self.rows)
        return ats.AttestationExistsResponse(exists=known)

    # QueueService

    async def Enqueue(self, request: Any, _context: Any) -> Any:
        if not request.HasField("job") or not request.job.HasField("progress"):
            self.crashes.append("Enqueue without a job or its progress")
        if request.auth_token != self.token:
            return queue_pb2.EnqueueResponse(success=False, error=BAD_TOKEN)
        self.jobs.append(request.job)
        return queue_pb2.EnqueueResponse(success=True, job_id=request.job.id)

    # ScheduleService

    async def CreateSchedule(self, request: Any, _context: Any) -> Any:
        if request.auth_token != self.token:
            return schedule_pb2.CreateScheduleResponse(success=False, error=BAD_TOKEN)
        for known in self.schedules.values():
            if known.handler_name == request.handler_name and known.state == "active":
                return schedule_pb2.CreateScheduleResponse(success=True, schedule_id=known.id)
        schedule_id = _new_id([request.handler_name], ["schedule"], [])
        self.schedules[schedule_id] = schedule_pb2.ScheduledJob(
            id=schedule_id,
            handler_name=request.handler_name,
            payload=request.payload,
            interval_seconds=request.interval_seconds,
            state="active",
        )
        return schedule_pb2.CreateScheduleResponse(success=True, schedule_id=schedule_id)

    async def PauseSchedule(self, request: Any, _context: Any) -> Any:
        return self._set_state(request, "paused", schedule_pb2.PauseScheduleResponse)

    async def ResumeSchedule(self, request: Any, _context: Any) -> Any:
        return self._set_state(request, "active", schedule_pb2.ResumeScheduleResponse)

    async def DeleteSchedule(self, request: Any, _context: Any) -> Any:
        return self._set_state(request, "deleted", schedule_pb2.DeleteScheduleResponse)

    async def GetSchedule(self, request: Any, _context: Any) -> Any:
        known = self.schedules.get(request.schedule_id)
        if known is None:
            return schedule_pb2.GetScheduleResponse(success=False, error="schedule not found")
        return schedule_pb2.GetScheduleResponse(success=True, job=known)

    # FetchService

    async def Fetch(self, request: Any, _context: Any) -> Any:
        if request.auth_token != self.token:
            return fetch_pb2.FetchResponse(success=False, error=BAD_TOKEN)
        self.fetched.append(request)
        return fetch_pb2.FetchResponse(success=True, body="<html>", status_code=200, attestation_id="AS-F")

    def _set_state(self, request: Any, state: str, answer: Any) -> Any:
        if request.auth_token != self.token:
            return answer(success=False, error=BAD_TOKEN)
        if request.schedule_id not in self.schedules:
            return answer(success=False, error=f"schedule not found: {request.schedule_id}")
        self.schedules[request.schedule_id].state = state
        return answer(success=True)

    def _create(self, command: ats.AttestationCommand) -> ats.Attestation:
        subjects, predicates = list(command.subjects), list(command.predicates) or ["_"]
        contexts = list(command.contexts) or ["_"]
        row = ats.Attestation(
            id=_new_id(subjects, predicates, contexts),
            subjects=subjects,
            predicates=predicates,
            contexts=contexts,
            timestamp=command.timestamp or _now_ms(),
            created_at=_now_ms(),
            source=command.source or "plugin",
            attributes=command.attributes,
        )
        # Whatever was sent: the actor is the attestation's own id.
        row.actors.append(row.id)
        if command.source_version:
            row.attributes["source_version"] = command.source_version
        self.rows.append(row)
        return row

    def _matching(self, wanted: ats.AttestationFilter) -> list[ats.Attestation]:
        def matches(row: ats.Attestation) -> bool:
            for name in ("subjects", "predicates", "contexts", "actors"):
                asked = {text.lower() for text in getattr(wanted, name)}
                if asked and not asked & {text.lower() for text in getattr(row, name)}:
                    return False
            return True

        found = [row for row in reversed(self.rows) if matches(row)]
        return found[: wanted.limit] if wanted.limit else found


class Started:
    """A plugin as the core starts one: its port, its connection, its process and all that descends from it."""

    def __init__(self, command: Sequence[str], name: str) -> None:
        self.command = command
        self.name = name
        self.port = 0
        self.port_line_seconds = float("inf")
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(
        self,
        *,
        port: int | None = None,
        stdin: int = asyncio.subprocess.DEVNULL,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Self:
        """argv is the program, `--port` and a number. Without a port line in time, the port asked for is assumed."""
        asked = _free_port() if port is None else port
        began = time.perf_counter()
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            "--port",
            str(asked),
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 24,
            env={**os.environ, "QNTX_CONFORMANCE_SECRET": "must not reach a script"},
        )
        announced: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._tasks = [
            asyncio.create_task(self._read(self.process.stdout, self.stdout, announced)),
            asyncio.create_task(self._read(self.process.stderr, self.stderr, None)),
        ]
        try:
            self.port = await asyncio.wait_for(asyncio.shield(announced), patience_seconds)
            self.port_line_seconds = time.perf_counter() - began
        except TimeoutError:
            self.port = asked
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", options=MESSAGE_OPTIONS)
        self.metadata = await self._wait_for_metadata(max(METADATA_SECONDS, patience_seconds))
        return self

    def stub(self, service: Any) -> Stub:
        return Stub(self.channel, service)

    def family(self) -> list[psutil.Process]:
        try:
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    async def ended(self, within_seconds: float = 3.0) -> int:
        """Its exit status; TimeoutError where it is still there."""
        return await asyncio.wait_for(self.process.wait(), within_seconds)

    async def stop(self) -> None:
        await self.channel.close(grace=None)
        if self.process.returncode is None:
            self.process.terminate()
            try:
                await self.ended(5.0)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        await asyncio.gather(*self._tasks)

    async def _wait_for_metadata(self, patience_seconds: float) -> domain.MetadataResponse:
        stub = self.stub(domain.DESCRIPTOR.services_by_name["DomainPluginService"])
        deadline = time.perf_counter() + patience_seconds
        while True:
            try:
                answer: domain.MetadataResponse = await stub.Metadata(domain.Empty(), timeout=1)
                return answer
            except grpc.aio.AioRpcError as fault:
                if time.perf_counter() > deadline:
                    said = "\n".join([*self.stdout, *self.stderr])
                    raise AssertionError(
                        f"no Metadata within {patience_seconds:g} s: {fault.details()}\n{said}"
                    ) from None
                await asyncio.sleep(0.1)

    async def _read(self, stream: Any, lines: list[str], announced: asyncio.Future[int] | None) -> None:
        while line := await stream.readline():
            text = line.decode("utf-8", "replace").strip()
            lines.append(text)
            if announced is not None and not announced.done() and text.startswith("QNTX_PLUGIN_PORT="):
                announced.set_result(int(text.removeprefix("QNTX_PLUGIN_PORT=")))


def upstream_json(row: ats.Attestation) -> bytes:
    """The attestation as watchers send it: RFC 3339 times in the core's zone, empty attributes left out."""
    told = {
        "id": row.id,
        "subjects": list(row.subjects),
        "predicates": list(row.predicates),
        "contexts": list(row.contexts),
        "actors": list(row.actors) or None,
        "timestamp": "2026-08-21T21:18:29.123456789+02:00",
        "source": row.source,
        "created_at": "2026-08-21T21:18:29.123456789+02:00",
    }
    if row.attributes.fields:
        told["attributes"] = dict(row.attributes)
    return json.dumps(told).encode()


def _free_port() -> int:
    """In the core's range. Somebody may be there already: then the plugin takes the next."""
    return PORT_BASE + secrets.randbelow(2_000)


def _new_id(subjects: Sequence[str], predicates: Sequence[str], contexts: Sequence[str]) -> str:
    first = [terms[0] if terms else "_" for terms in (subjects, predicates, contexts)]
    return asid("AS", *first, secrets.token_bytes(8))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
