"""Keeps one plugin running: starts it, watches its health, starts it again when it stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import structlog

from qntx.errors import ChassisError, PluginUnavailable
from qntx.host.config import PluginSection
from qntx.host.plugins import restart
from qntx.host.plugins.client import PluginClient
from qntx.host.plugins.discovery import Installed
from qntx.host.plugins.launcher import STOP_TIMEOUT_SECONDS, Process, launch
from qntx.host.plugins.registry import Plugin, Registry, State
from qntx.protocol import domain_pb2
from qntx.wire import caller

HEALTH_STRIKES = 2

T = TypeVar("T")

log = structlog.get_logger("qntx.host.plugins")


class Supervisor:
    """One plugin's life, from the host's start to its end. `run` returns only by being cancelled."""

    def __init__(
        self,
        plugin: Plugin,
        installed: Installed,
        registry: Registry,
        request: Callable[[], domain_pb2.InitializeRequest],
        section: PluginSection,
    ) -> None:
        self._plugin = plugin
        self._installed = installed
        self._registry = registry
        self._request = request
        self._section = section
        self._restart = asyncio.Event()

    def restart(self) -> None:
        """Start it anew now, whether it runs or waits to be tried again."""
        self._restart.set()

    async def reinitialize(self) -> None:
        """Hand the running plugin its configuration again."""
        self._plugin.announced = await self._plugin.reached().initialize(self._request())
        await self._check_health()
        await self._registry.tell()

    async def run(self) -> None:
        failures = 0
        try:
            while True:
                started = time.monotonic()
                reason = await self._live()
                if self._restart.is_set():
                    failures, reason = 0, "asked to"
                else:
                    failures = restart.failures_after(failures, time.monotonic() - started)
                await self._wait(failures, reason)
        finally:
            await self._enter(State.STOPPED, "the host is stopping")

    async def _wait(self, failures: int, reason: str) -> None:
        delay = restart.delay_seconds(failures)
        state = State.RESTARTING if self._plugin.announced else State.FAILED
        await self._enter(state, f"{reason}; trying again in {delay:g} s" if delay else reason)
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._restart.wait()
        self._restart.clear()
        self._plugin.restarts += 1

    async def _live(self) -> str:
        """One process of the plugin, from start to end. Returns why it ended."""
        try:
            process = await self._launched()
        except ChassisError as error:
            return str(error)
        client: PluginClient | None = None
        try:
            client = await self._or_exit(process, self._connected(process))
            await self._or_exit(process, self._initialized(client))
            self._plugin.client, self._plugin.pid = client, process.pid
            await self._enter(State.RUNNING, self._plugin.message)
            return await self._or_exit(process, self._stopped_being_healthy())
        except ChassisError as error:
            return str(error)
        finally:
            self._plugin.client, self._plugin.pid, self._plugin.healthy = None, 0, False
            if self._plugin.state is State.RUNNING:
                self._plugin.state = State.RESTARTING
            await self._end(process, client)

    async def _launched(self) -> Process:
        installed = self._installed
        if installed.path is None:
            searched = ", ".join(str(folder) for folder in installed.searched)
            raise PluginUnavailable(
                f"plugin binary not found in search paths: {searched} (qntx-{installed.name}-plugin); "
                f"`qntx variant sync {installed.name}` installs it where it is one of the family"
            )
        return await launch(installed.path, self._plugin.output)

    async def _connected(self, process: Process) -> PluginClient:
        await process.announced()
        # By this name the plugin knows that what comes with a call, such as who asks, is this host's word.
        named = ((caller.HOST, caller.host_name(self._request().auth_token)),)
        client = PluginClient(self._plugin.name, f"127.0.0.1:{process.port}", metadata=named)
        try:
            self._plugin.metadata = await client.metadata(self._section.start_timeout_seconds)
        except BaseException:
            await client.close()
            raise
        return client

    async def _initialized(self, client: PluginClient) -> None:
        self._plugin.announced = await client.initialize(self._request())
        self._note(await client.health())

    async def _stopped_being_healthy(self) -> str:
        strikes = 0
        while strikes < HEALTH_STRIKES:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._section.health_interval_seconds):
                    await self._restart.wait()
                    return "asked to"
            strikes = 0 if await self._check_health() else strikes + 1
        return f"unhealthy {HEALTH_STRIKES} times in a row: {self._plugin.message}"

    async def _check_health(self) -> bool:
        try:
            self._note(await self._plugin.reached().health())
        except ChassisError as error:
            self._plugin.healthy, self._plugin.message = False, str(error)
        return self._plugin.healthy

    def _note(self, health: domain_pb2.HealthResponse) -> None:
        self._plugin.healthy = health.healthy
        self._plugin.message = health.message
        self._plugin.details = dict(health.details)

    async def _or_exit(self, process: Process, work: Coroutine[Any, Any, T]) -> T:
        """The outcome of that, or PluginUnavailable as soon as the process exits."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task, process.exited}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise PluginUnavailable(f"its process ended {_ending(process.exited.result())}{self._last_words()}")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _last_words(self) -> str:
        lines = self._plugin.output.lines()
        return f" after it said: {lines[-1].line[:300]}" if lines and self._plugin.announced is None else ""

    async def _end(self, process: Process, client: PluginClient | None) -> None:
        if client is not None:
            with suppress(ChassisError):  # it may be gone, or hang; then it is made to end
                await client.shutdown(STOP_TIMEOUT_SECONDS)
            await client.close()
        await process.stop()

    async def _enter(self, state: State, message: str) -> None:
        self._plugin.state, self._plugin.message = state, message
        tell = log.warning if state in (State.FAILED, State.RESTARTING) else log.info
        tell(f"plugin {state.value}", plugin=self._plugin.name, reason=message)
        await self._registry.tell()


def _ending(code: int) -> str:
    return f"by signal {-code}" if code < 0 else f"with exit code {code}"
