"""The replicas of one plugin, called as if they were one: gRPC balances, nothing is run twice.

A run is asked for with `hold`, so that it is known which replica took it before any of its code has run; only then is
it let begin. What was not let begin is asked of another replica. What was is never begun again: its caller comes back
to the same replica for the rest, or learns that it was lost.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio

from qntx.errors import Busy, ChassisError, NotFound, PluginUnavailable, Unavailable, WorkerLost
from qntx.host.plugins.client import PluginClient, is_said, translated
from qntx.host.plugins.replica import SERVICE, Replica
from qntx.host.plugins.sessions import Sessions
from qntx.protocol import domain_pb2, runtime_pb2
from qntx.wire import caller

TAKING_SECONDS = 20.0
"""How long a run is offered where replicas serve: one that hangs holds an offer until that is noticed."""

AWAY_SECONDS = 2.0
"""How long where none does: one may be about to come back."""

TAKE_AGAIN_SECONDS = 0.05
COME_BACK_SECONDS = (0.0, 0.1, 0.3, 0.6)
"""Waits before each attempt to come back: a replica stops a run that nobody watches after two seconds."""

PACKAGE_PATHS = frozenset(f"/{tool}/{act}" for tool in ("uv", "pip") for act in ("install", "remove"))

SERVICE_CONFIG = json.dumps(
    {"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": SERVICE}}
)
PLAIN_SERVICE_CONFIG = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})
"""For plugins that do not tell whether they serve."""

Request = runtime_pb2.RunRequest | runtime_pb2.RunJobRequest


class BalancedClient(PluginClient):
    """The calls a host makes on an attached plugin. `serving` tells which replicas there are at the moment."""

    def __init__(
        self,
        name: str,
        address: str,
        channel: grpc.aio.Channel,
        metadata: tuple[tuple[str, str], ...],
        replicas: Callable[[], Sequence[Replica]],
        sessions: Sessions,
    ) -> None:
        super().__init__(name, address, channel, metadata)
        self._replicas = replicas
        self._sessions = sessions
        self._taken_by: dict[str, Replica] = {}

    async def run(self, request: runtime_pb2.RunRequest) -> AsyncGenerator[runtime_pb2.RunEvent, None]:
        if request.session_id:
            replica = await self._sessions.place(request.session_id, request.principal, self._replicas())
            events = self._noted(replica, request.execution_id, replica.client.run(request))
        else:
            events = self._run_once(self._runtime.Run, request)
        async with aclosing(events):
            async for event in events:
                yield event

    async def run_job(self, request: runtime_pb2.RunJobRequest) -> AsyncGenerator[runtime_pb2.RunEvent, None]:
        async with aclosing(self._run_once(self._runtime.RunJob, request)) as events:
            async for event in events:
                yield event

    async def cancel(self, execution_id: str) -> bool:
        taker = self._taken_by.get(execution_id)
        asked = [taker] if taker is not None else [each for each in self._replicas() if each.joined]
        answers = await asyncio.gather(*(each.client.cancel(execution_id) for each in asked), return_exceptions=True)
        if faults := [each for each in answers if isinstance(each, ChassisError)]:
            raise faults[0]
        return any(answer is True for answer in answers)

    async def handle_http(self, request: domain_pb2.HTTPRequest, principal: str = "") -> domain_pb2.HTTPResponse:
        """Of one replica; what changes the packages at run time is done by each, and the first fault is the answer."""
        if request.path.partition("?")[0] not in PACKAGE_PATHS:
            return await super().handle_http(request, principal)
        joined = [replica for replica in self._replicas() if replica.joined]
        answers = await asyncio.gather(*(replica.client.handle_http(request, principal) for replica in joined))
        return next((answer for answer in answers if answer.status_code >= 400), answers[0])

    async def _run_once(self, method: Any, request: Request) -> AsyncGenerator[runtime_pb2.RunEvent, None]:
        """Offer the run to replicas until one has let it begin, and follow it there."""
        if not request.execution_id or not all(each.client.instance for each in self._replicas() if each.joined):
            # One that cannot hold a run: it is asked once.
            events = self._events(method(request))
        else:
            events = self._held(method, request)
        async with aclosing(events):
            async for event in events:
                yield event

    async def _held(self, method: Any, request: Request) -> AsyncGenerator[runtime_pb2.RunEvent, None]:
        offer = type(request).FromString(request.SerializeToString())
        offer.hold = True
        last: ChassisError | None = None
        busy = 0
        since = time.monotonic()
        while last is None or (self._may_be_taken(time.monotonic() - since) and busy < len(self._replicas())):
            stream = method(offer)
            try:
                replica = await self._taker(stream)
                if replica is not None and await self._let_begin(replica, request.execution_id):
                    async with aclosing(self._followed(stream, replica, request.execution_id)) as events:
                        async for event in events:
                            yield event
                    return
                last = PluginUnavailable(f"no replica of {self.name!r} takes the run")
            except _NotRun as refusal:
                last = refusal.reason
                busy += isinstance(last, Busy)
            finally:
                stream.cancel()
            await asyncio.sleep(TAKE_AGAIN_SECONDS)
        raise last

    def _may_be_taken(self, waited_seconds: float) -> bool:
        serving = any(replica.serving for replica in self._replicas())
        return waited_seconds < (TAKING_SECONDS if serving else AWAY_SECONDS)

    async def _taker(self, stream: Any) -> Replica | None:
        """The replica that holds the run now; None for one that is not known yet, or not any more."""
        instance = dict(await stream.initial_metadata()).get(caller.INSTANCE)
        if instance is None:
            await self._refused(stream)
        known = (each for each in self._replicas() if each.joined and each.client.instance == instance)
        return next(known, None)

    async def _refused(self, stream: Any) -> None:
        """Raise why no replica took the run: _NotRun where another one, or the same one later, may."""
        try:
            await stream.read()
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise _NotRun(translated(self.name, error)) from error
            raise translated(self.name, error) from error
        raise PluginUnavailable(f"plugin {self.name!r} took a run without saying which of its replicas did")

    async def _let_begin(self, replica: Replica, execution_id: str) -> bool:
        """False where it never will. Where the answer is lost, it is asked again: it may have begun by then."""
        try:
            return await replica.client.begin(execution_id)
        except Unavailable:
            if await self._come_back(lambda: replica.client.begin(execution_id)):
                return True
            raise self._lost(replica, execution_id) from None

    async def _followed(
        self, stream: Any, replica: Replica, execution_id: str
    ) -> AsyncGenerator[runtime_pb2.RunEvent, None]:
        """The run's events to its end, from another connection where this one breaks."""
        self._taken_by[execution_id] = replica
        following = 0
        try:
            try:
                async for event in stream:
                    following = event.sequence + max(1, event.missed)
                    yield event
                return
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and not following:
                    raise _NotRun(translated(self.name, error)) from error
                if error.code() is not grpc.StatusCode.UNAVAILABLE or is_said(error):
                    raise translated(self.name, error) from error
            async with aclosing(self._rest(replica, execution_id, following)) as events:
                async for event in events:
                    yield event
        finally:
            del self._taken_by[execution_id]

    async def _rest(
        self, replica: Replica, execution_id: str, following: int
    ) -> AsyncGenerator[runtime_pb2.RunEvent, None]:
        """What is still to come of a run whose connection broke."""
        instance = replica.client.instance
        for delay in COME_BACK_SECONDS:
            await asyncio.sleep(delay)
            try:
                async with aclosing(replica.client.attach(execution_id)) as events:
                    async for event in events:
                        if event.sequence >= following:
                            following = event.sequence + max(1, event.missed)
                            yield event
                return
            except NotFound:
                break  # another process, or it was stopped and forgotten
            except Unavailable:
                if replica.client.instance != instance:
                    break
        raise self._lost(replica, execution_id)

    async def _come_back(self, ask: Callable[[], Any]) -> bool:
        for delay in COME_BACK_SECONDS:
            await asyncio.sleep(delay)
            try:
                return bool(await ask())
            except Unavailable:
                continue
        return False

    async def _noted(
        self, replica: Replica, execution_id: str, events: AsyncGenerator[runtime_pb2.RunEvent, None]
    ) -> AsyncGenerator[runtime_pb2.RunEvent, None]:
        self._taken_by[execution_id] = replica
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            del self._taken_by[execution_id]

    def _lost(self, replica: Replica, execution_id: str) -> WorkerLost:
        return WorkerLost(
            f"run {execution_id} was lost with the replica of {self.name!r} at {replica.address}: it had been let "
            "begin, so how far it got is not known, and it was not run again"
        )


class _NotRun(Exception):
    """Nothing of the run's code has run."""

    def __init__(self, reason: ChassisError) -> None:
        super().__init__(str(reason))
        self.reason = reason
