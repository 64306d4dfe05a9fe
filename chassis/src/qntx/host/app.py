"""Puts the host together: the only file that constructs. Parts start in order and stop in reverse."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc.aio
import httpx
import structlog
from fastapi import APIRouter

from qntx import __version__
from qntx.errors import Refused
from qntx.host import presence, stores
from qntx.host.access import exposure
from qntx.host.access.door import Door
from qntx.host.access.tokens import Tokens
from qntx.host.answers import Answers
from qntx.host.api import app as api
from qntx.host.api import (
    attestations,
    canvas,
    capsules,
    events,
    health,
    metrics,
    names,
    page,
    plugins,
    proxy,
    pulse,
    python,
    scripts,
    session,
    sockets,
    watchers,
)
from qntx.host.audit import Audit
from qntx.host.config import Config
from qntx.host.events import Hub
from qntx.host.executor import Executor
from qntx.host.home import Home
from qntx.host.ix.bundled import Bundled
from qntx.host.ix.router import Router
from qntx.host.ix.scripts import Scripts
from qntx.host.keeping import CanvasStore
from qntx.host.melds import Melds
from qntx.host.plugins.configuring import Configuring
from qntx.host.plugins.discovery import discover, search_paths
from qntx.host.plugins.following import Following
from qntx.host.plugins.introducing import Introduction
from qntx.host.plugins.manager import Manager
from qntx.host.plugins.refreshing import refresh
from qntx.host.plugins.registry import Registry
from qntx.host.plugins.remote import remotes
from qntx.host.presence import Presence
from qntx.host.pulse import declared as declared_schedules
from qntx.host.pulse.dispatch import PluginDispatcher
from qntx.host.pulse.pulse import Pulse
from qntx.host.relay import heed
from qntx.host.services import ats, fetch, jobs, schedules
from qntx.host.services import capsules as sealing
from qntx.host.services.auth import new_token
from qntx.host.services.server import Elsewhere, ServiceServer, elsewhere
from qntx.host.serving import HttpServer, Tls
from qntx.host.store.base import AttestationStore
from qntx.host.store.node_key import NodeKey
from qntx.host.stores import Stores
from qntx.host.transcripts import Transcripts
from qntx.host.watchers import declared as declared_watchers
from qntx.host.watchers.dispatcher import HostDispatcher
from qntx.host.watchers.engine import Engine
from qntx.host.watchers.glyphs import Glyphs
from qntx.host.web.fetcher import Fetcher
from qntx.model.nearest import meant
from qntx.protocol import domain_pb2
from qntx.wire import tracing

log = structlog.get_logger("qntx.host")


class Host:
    """An async context manager: entered, plugins are being started and, if it is to serve, HTTP answers at `url`."""

    def __init__(self, config: Config, home: Home, *, serve: bool = True, folder: Path | None = None) -> None:
        self._config = config
        self._home = home
        self._serve = serve
        self._folder = folder or Path.cwd()
        self._stack = AsyncExitStack()
        self._door = Door()
        self.registry = Registry()
        self.executor = Executor(self.registry, config.host.default_provider)
        self.hub = Hub()
        self.transcripts = Transcripts(self.hub)
        self.url = ""

    async def __aenter__(self) -> Self:
        self._home.create()
        tokens = Tokens(_token_file(self._config, self._home))
        if self._serve:
            for warning in exposure.check(self._config.host, tokens=len(tokens.all())):
                log.warning(warning)
        self._door = Door(tokens if exposure.demands_tokens(self._config.host) else None)
        if self._serve and (other := presence.running(self._home.presence)):
            raise Refused(f"a host of {self._home.root} is running already, at {other.url} (process {other.pid})")
        async with AsyncExitStack() as stack:
            tracing.start("qntx-host", __version__, os.environ)
            stack.callback(tracing.stop)
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)
        log.info("host stopped")

    async def _start(self, stack: AsyncExitStack) -> None:
        config, home = self._config, self._home
        attached = remotes(config.of_plugins, os.environ, database=config.host.database)
        installed = discover(config.plugin, search_paths(config.plugin, home, self._folder), attached)
        here = [*(one.name for one in installed), *attached]
        _report_unused(config, here)
        node = NodeKey.load(home.keys / "node.key")
        kept = await stack.enter_async_context(stores.opened(config.host.database, home, here))
        store = await stack.enter_async_context(kept.attestations(node))
        audit = await stack.enter_async_context(Audit(home, self.registry, config.host.database))
        introducing = asyncio.create_task(kept.introduce(audit.capsules.seal), name="other hosts' keys")
        stack.callback(introducing.cancel)
        token = new_token()
        fetcher = await stack.enter_async_context(Fetcher(private=config.host.fetch_private))
        offered: list[Callable[[grpc.aio.Server], None]] = [
            lambda server: ats.serve(server, store, token),
            lambda server: fetch.serve(server, store, fetcher, token),
            lambda server: sealing.serve(server, audit.capsules, token),
        ]
        if self._serve:
            await stack.enter_async_context(kept.relay(self.hub))
            work = await stack.enter_async_context(self._pulse(kept))
            heeding = asyncio.create_task(heed(self.hub, work.look), name="other hosts' wishes")
            stack.callback(heeding.cancel)
            offered.append(lambda server: jobs.serve(server, work.jobs, token))
            offered.append(lambda server: schedules.serve(server, work.schedules, token))
        services = await stack.enter_async_context(ServiceServer(offered, _elsewhere(config)))
        introduction = Introduction(config, home, services, token, node.did, queue=self._serve)
        membership = await stack.enter_async_context(kept.membership())
        manager = Manager(installed, attached, self.registry, home, introduction, config.plugin, membership)
        if self._serve:
            glyphs = await stack.enter_async_context(kept.canvas())
            answers = await stack.enter_async_context(Answers(glyphs, store, self.hub, self.transcripts))
            self.executor.observer = answers
            engine = await self._watching(stack, kept, store, work, glyphs)
            melds = Melds(glyphs, engine)
            await melds.follow()
            shown = canvas.router(glyphs, melds, answers, self.hub)
            await self._answering(stack, store, manager, engine, work, audit, shown)
        # Last, so that they are stopped first, while what they call still answers.
        await stack.enter_async_context(manager)
        if self._serve:
            # Before that, so that a plugin that is stopped is not taken for one that failed.
            stack.push_async_callback(engine.aclose)
            stack.push_async_callback(work.stop_running, config.pulse.drain_seconds)
        refreshing = asyncio.create_task(refresh(store, manager.reinitialize), name="plugins' handlers")
        stack.callback(refreshing.cancel)
        log.info("host started", url=self.url, plugins=[plugin.name for plugin in self.registry])

    def _pulse(self, kept: Stores) -> Pulse:
        section = self._config.pulse
        return Pulse(
            kept.pulse,
            PluginDispatcher(self.registry),
            lambda job: self.hub.publish("job", **pulse.job_record(job, payload=False)),
            running_max=section.running_max,
            keep_seconds=section.keep_days * 86_400,
        )

    async def _watching(
        self, stack: AsyncExitStack, kept: Stores, store: AttestationStore, work: Pulse, glyphs: CanvasStore
    ) -> Engine:
        """What fires watchers, and takes up those and the schedules that plugins declare."""
        storage = await stack.enter_async_context(kept.watchers())
        http = await stack.enter_async_context(httpx.AsyncClient())
        runs = Glyphs(self.executor, glyphs, self.hub)
        dispatcher = HostDispatcher(self.executor, self.registry, runs, http, self._config.host.default_provider)
        engine = await stack.enter_async_context(Engine(store, storage, dispatcher, self.hub, turns=kept.turns()))

        async def watchers_announced(plugin: str, response: domain_pb2.InitializeResponse) -> None:
            await engine.declare(plugin, declared_watchers.declared(plugin, response.watchers))

        async def schedules_announced(plugin: str, response: domain_pb2.InitializeResponse) -> None:
            await work.schedules.declare(plugin, declared_schedules.declared(plugin, response.schedules))

        announced = [watchers_announced, schedules_announced]
        await stack.enter_async_context(Following(self.registry, self.hub, announced))
        return engine

    async def _answering(
        self,
        stack: AsyncExitStack,
        store: AttestationStore,
        manager: Manager,
        engine: Engine,
        work: Pulse,
        audit: Audit,
        glyphs: APIRouter,
    ) -> None:
        """HTTP, and the note that says where."""
        config, home = self._config, self._home
        published = Scripts(store, Bundled(self.registry))
        ix = Router(published, self.registry, config.host.default_provider)
        work.schedules.resolve = ix.resolve_line
        routers = [
            health.router(self.registry),
            metrics.router(self.registry, store.position, audit.capsules.storage.count, work.jobs.counts),
            page.router(),
            session.router(self._door),
            glyphs,
            names.router(),
            python.router(self.executor, self.transcripts),
            attestations.router(store),
            events.router(store, self.hub),
            watchers.router(engine, store),
            pulse.jobs_router(work.jobs),
            pulse.schedules_router(work.schedules, work.jobs, ix),
            scripts.router(published, ix, work.jobs, NodeKey.load(home.keys / "node.key")),
            plugins.router(self.registry, manager, Configuring(config, home, self.registry, manager)),
            capsules.router(audit.capsules),
            sockets.router(self.registry),
            proxy.router(self.registry),
        ]
        tls = _tls(config)
        http = HttpServer(
            api.create(config.host, routers, self._door),
            config.host.address,
            config.host.port,
            tls=tls,
            proxies=config.host.proxies,
        )
        self.url = (await stack.enter_async_context(http)).url
        here = Presence.of_this_process(self.url, self._door.own_token, str(tls.certificate) if tls else "")
        presence.announce(home.presence, here)
        stack.callback(presence.withdraw, home.presence, here)


def _token_file(config: Config, home: Home) -> Path:
    return Path(config.host.token_file).expanduser() if config.host.token_file else home.tokens


def _tls(config: Config) -> Tls | None:
    if not config.host.tls_certificate:
        return None
    return Tls(Path(config.host.tls_certificate).expanduser().absolute(), Path(config.host.tls_key).expanduser())


def _elsewhere(config: Config) -> Elsewhere | None:
    """Where plugins of other machines reach the services; over TLS where the host has a certificate."""
    tls = _tls(config)
    address, advertised = config.host.services_address, config.host.services_advertised
    return elsewhere(address, advertised, tls.certificate if tls else None, tls.key if tls else None)


def _report_unused(config: Config, names: list[str]) -> None:
    for section in config.of_plugins:
        if section not in names:
            log.warning("section of the configuration is not used", section=section, hint=meant(section, names))
