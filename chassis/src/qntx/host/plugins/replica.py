"""One process of an attached plugin, from when its address is known until it is not: joined whenever it is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import Enum

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health_pb2

from qntx.errors import ChassisError
from qntx.host.config import PluginSection
from qntx.host.plugins.client import PluginClient
from qntx.host.plugins.remote import Remote, target
from qntx.model.attached import Address
from qntx.protocol import domain_pb2, runtime_pb2
from qntx.wire.services import Stub

SERVICE = runtime_pb2.DESCRIPTOR.services_by_name["PythonRuntime"].full_name
"""What is asked whether it serves, by us and by gRPC's load balancing: it does once it has a host to call home to."""

AGAIN_SECONDS = 1.0
ANSWER_SECONDS = 1.0
"""For one that was there before, or was waited for before."""

HEALTH_STRIKES = 2

log = structlog.get_logger("qntx.host.plugins")


class ReplicaState(Enum):
    LOADING = "loading"
    RUNNING = "running"
    DRAINING = "draining"
    """It ends what it has and takes nothing new."""
    FAILED = "failed"


class Replica:
    """`run` keeps it joined until it is cancelled. Its process is not ours: it is never ended."""

    def __init__(
        self,
        name: str,
        address: Address,
        remote: Remote,
        request: Callable[[Address], domain_pb2.InitializeRequest],
        metadata: tuple[tuple[str, str], ...],
        section: PluginSection,
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self.address = address
        self.state = ReplicaState.LOADING
        self.message = ""
        self.healthy = False
        self.details: dict[str, str] = {}
        self.metadata = domain_pb2.MetadataResponse()
        self.announced: domain_pb2.InitializeResponse | None = None
        self._left = time.monotonic()
        self._name = name
        self._request = request
        self._section = section
        self._changed = changed
        channel = remote.channel(target([address]))
        self.client = PluginClient(name, str(address), channel, metadata)
        self._health = Stub(channel, health_pb2.DESCRIPTOR.services_by_name["Health"], metadata)

    @property
    def joined(self) -> bool:
        """Whether it can be called: it runs, or drains."""
        return self.state in (ReplicaState.RUNNING, ReplicaState.DRAINING)

    @property
    def serving(self) -> bool:
        """Whether it takes work."""
        return self.state is ReplicaState.RUNNING

    def away_seconds(self) -> float:
        """How long it cannot be called by now; from when this host knows of it, at most."""
        return 0.0 if self.joined else time.monotonic() - self._left

    async def run(self) -> None:
        try:
            patience = self._section.start_timeout_seconds
            while True:
                try:
                    await self._join(patience)
                    reason = await self._stays()
                except ChassisError as error:
                    reason = str(error)
                patience = ANSWER_SECONDS
                await self._enter(ReplicaState.FAILED, reason)
                await asyncio.sleep(AGAIN_SECONDS)
        finally:
            await self.client.close()

    async def initialize(self) -> None:
        """Hand it this host's services and its configuration; it may be told again."""
        self.announced = await self.client.initialize(self._request(self.address))
        self._note(await self.client.health())

    async def _join(self, patience_seconds: float) -> None:
        self.metadata = await self.client.metadata(patience_seconds)
        await self.initialize()
        await self._enter(ReplicaState.RUNNING, self.message)

    async def _stays(self) -> str:
        """Wait until it is gone or unwell; returns why."""
        watching = asyncio.create_task(self._watch())
        strikes = 0
        try:
            while strikes < HEALTH_STRIKES:
                done, _ = await asyncio.wait({watching}, timeout=self._section.health_interval_seconds)
                if done:
                    return watching.result()
                self._note(await self.client.health())
                strikes = 0 if self.healthy else strikes + 1
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        return f"unhealthy {HEALTH_STRIKES} times in a row: {self.message}"

    async def _watch(self) -> str:
        """Follow whether it serves; returns why that is not known any more. One that does not tell is asked only."""
        try:
            async for answer in self._health.Watch(health_pb2.HealthCheckRequest(service=SERVICE)):
                if answer.status == health_pb2.HealthCheckResponse.NOT_SERVING:
                    await self._enter(ReplicaState.DRAINING, "it takes nothing new")
                elif answer.status == health_pb2.HealthCheckResponse.SERVING:
                    await self._enter(ReplicaState.RUNNING, self.message)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                await asyncio.Event().wait()
            return f"it is gone: {error.details() or error.code().name}"
        return "it is gone: it ended"

    def _note(self, health: domain_pb2.HealthResponse) -> None:
        self.healthy, self.details = health.healthy, dict(health.details)
        if self.state is not ReplicaState.DRAINING:
            self.message = health.message

    async def _enter(self, state: ReplicaState, message: str) -> None:
        if state is not self.state:
            tell = log.info if state is ReplicaState.RUNNING else log.warning
            tell(f"replica {state.value}", plugin=self._name, address=str(self.address), reason=message)
        if self.joined:
            self._left = time.monotonic()
        self.state, self.message = state, message
        self.healthy = self.healthy and self.joined
        await self._changed()
