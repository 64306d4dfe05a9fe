"""Keeps one plugin attached that runs elsewhere: finds its replicas, joins each, and calls them as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress

import structlog

from qntx.errors import ChassisError, Refused
from qntx.host.config import PluginSection
from qntx.host.plugins.balanced import PLAIN_SERVICE_CONFIG, SERVICE_CONFIG, BalancedClient
from qntx.host.plugins.membership import FORGOTTEN_AFTER, Membership
from qntx.host.plugins.registry import Plugin, Registry, State
from qntx.host.plugins.remote import Remote, target
from qntx.host.plugins.replica import Replica, ReplicaState
from qntx.host.plugins.sessions import Sessions
from qntx.model.attached import Address
from qntx.protocol import domain_pb2
from qntx.wire import caller

LOOK_SECONDS = 10.0
"""How often names are looked up anew."""

RETIRED_SECONDS = 24 * 3600.0
"""How long runs under way may go on over a channel to replicas that were the plugin's."""

log = structlog.get_logger("qntx.host.plugins")


class Attachment:
    """One plugin that this host neither starts nor ends. `run` returns only by being cancelled."""

    def __init__(
        self,
        plugin: Plugin,
        remote: Remote,
        registry: Registry,
        request: Callable[[Address], domain_pb2.InitializeRequest],
        host: str,
        section: PluginSection,
        membership: Membership | None = None,
    ) -> None:
        """`membership` tells which replicas there are, where the remote names none."""
        self._plugin = plugin
        self._remote = remote
        self._registry = registry
        self._request = request
        self._host = host
        self._section = section
        self._membership = membership
        self._joining: dict[Replica, asyncio.Task[None]] = {}
        self._balanced: tuple[str, BalancedClient] | None = None
        self._sessions = Sessions(plugin.name)
        self._retired: set[asyncio.Task[None]] = set()
        plugin.address = str(remote)

    def restart(self) -> None:
        """Raises Refused: whoever started it can start it anew."""
        raise Refused(
            f"plugin {self._plugin.name!r} runs at {self._remote} and was not started by this host: restart it there"
        )

    async def reinitialize(self) -> None:
        """Hand every replica its configuration again."""
        self._plugin.reached()
        await asyncio.gather(*(replica.initialize() for replica in self._replicas() if replica.joined))
        await self._tell()

    async def run(self) -> None:
        try:
            look = asyncio.Event()
            with self._membership.listen(look.set) if self._membership else nullcontext():
                while True:
                    look.clear()
                    try:
                        await self._follow(await self._found())
                    except ChassisError as error:
                        if not self._joining:
                            await self._enter(State.FAILED, str(error))
                    with suppress(TimeoutError):
                        await asyncio.wait_for(look.wait(), LOOK_SECONDS)
        finally:
            await self._leave(list(self._joining))
            if self._balanced is not None:
                await self._balanced[1].close()
            for task in self._retired:
                task.cancel()
            await asyncio.gather(*self._retired, return_exceptions=True)
            self._plugin.client = None
            await self._enter(State.STOPPED, "the host is stopping")

    async def _found(self) -> list[Address]:
        """Where there is a replica now."""
        if self._membership is None:
            return await self._remote.replicas()
        replicas, forgotten = self._replicas(), FORGOTTEN_AFTER.total_seconds()
        reached = [replica.address for replica in replicas if replica.joined]
        lost = [replica.address for replica in replicas if replica.away_seconds() > forgotten]
        await self._membership.note(self._plugin.name, reached, lost)
        return await self._remote.replicas(joined=await self._membership.of(self._plugin.name))

    async def _follow(self, addresses: Sequence[Address]) -> None:
        """Join what is new, leave what is gone, and begin anew where the joining itself broke."""
        for replica in [replica for replica, task in self._joining.items() if task.done()]:
            fault = self._joining[replica].exception()
            log.error("replica given up", plugin=self._plugin.name, address=str(replica.address), exc_info=fault)
            await self._leave([replica])
        known = {replica.address for replica in self._joining}
        metadata = self._metadata()
        for address in addresses:
            if address not in known:
                replica = Replica(
                    self._plugin.name, address, self._remote, self._request, metadata, self._section, self._tell
                )
                self._joining[replica] = asyncio.create_task(replica.run(), name=f"plugin {replica.client.address}")
        await self._leave([replica for replica in self._joining if replica.address not in addresses])
        await self._tell()

    async def _leave(self, replicas: Sequence[Replica]) -> None:
        tasks = [self._joining.pop(replica) for replica in replicas]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (*self._remote.metadata(), (caller.HOST, self._host))

    def _replicas(self) -> Sequence[Replica]:
        return tuple(self._joining)

    async def _tell(self) -> None:
        """Let the registry know how they are together."""
        plugin, replicas = self._plugin, self._replicas()
        plugin.replicas = replicas
        serving = [replica for replica in replicas if replica.serving]
        if not serving:
            plugin.client, plugin.healthy = None, False
            loading = any(replica.state is ReplicaState.LOADING for replica in replicas)
            away = State.RESTARTING if plugin.announced is not None else State.FAILED
            message = _reasons(replicas) if replicas else self._nobody()
            await self._enter(State.LOADING if loading and away is State.FAILED else away, message)
            return
        first = serving[0]
        plugin.metadata, plugin.details = first.metadata, first.details
        if plugin.announced != first.announced:
            plugin.announced = first.announced
        plugin.healthy = all(replica.healthy for replica in replicas)
        plugin.client = await self._client(serving)
        await self._enter(State.RUNNING, first.message if len(serving) == len(replicas) else _reasons(replicas))

    def _nobody(self) -> str:
        return f"no replica has joined; `qntx plugin join {self._plugin.name} HOST:PORT` at any host lets one in"

    async def _client(self, serving: Sequence[Replica]) -> BalancedClient:
        """Of all addresses, whether up or not: gRPC finds out by itself when one comes back."""
        where = target(sorted(replica.address for replica in self._joining))
        if self._balanced is None or self._balanced[0] != where:
            await self._retire()
            streams = all(replica.client.streams for replica in serving)
            config = SERVICE_CONFIG if streams else PLAIN_SERVICE_CONFIG
            channel = self._remote.channel(where, ("grpc.service_config", config), ("grpc.enable_retries", 0))
            name, metadata = self._plugin.name, self._metadata()
            client = BalancedClient(name, str(self._remote), channel, metadata, self._replicas, self._sessions)
            client.streams = streams
            self._balanced = where, client
        return self._balanced[1]

    async def _retire(self) -> None:
        """Let what is under way end over the channel there was."""
        if self._balanced is not None:
            task = asyncio.create_task(self._balanced[1].close(RETIRED_SECONDS))
            self._retired.add(task)
            task.add_done_callback(self._retired.discard)
            self._balanced = None

    async def _enter(self, state: State, message: str) -> None:
        if state is not self._plugin.state:
            tell = log.warning if state in (State.FAILED, State.RESTARTING) else log.info
            tell(f"plugin {state.value}", plugin=self._plugin.name, address=self._plugin.address, reason=message)
        self._plugin.state, self._plugin.message = state, message
        await self._registry.tell()


def _reasons(replicas: Sequence[Replica]) -> str:
    """What each one says that does not serve."""
    return "; ".join(f"{each.address} {each.state.value}: {each.message}" for each in replicas if not each.serving)
