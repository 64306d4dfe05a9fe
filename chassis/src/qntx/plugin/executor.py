"""The one place every run of this plugin goes through.

It holds the engine and the host's services as they are configured now, gives each run its line home and its place in
the audit trail, and counts how it ended. A new configuration makes a new engine; runs that are under way keep the one
they began with.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from qntx.clients.host import Endpoints, HostClients
from qntx.engine.api import Engine, Event, Settings
from qntx.errors import ChassisError, PluginUnavailable
from qntx.model.execution import Execution, Limits, Outcome, Result
from qntx.model.identity import RANDOM_BYTES, asid
from qntx.model.variant import Variant
from qntx.plugin.audit import Audit
from qntx.plugin.home import ScriptHome
from qntx.plugin.metrics import Metrics
from qntx.wire import tracing
from qntx.wire.caller import host_name

START_SECONDS_MAX = 60.0
HOSTS_KEPT = 8
"""Hosts that have this plugin attached at once; each start of one counts anew."""

calling_host: ContextVar[str] = ContextVar("calling_host", default="")
"""The host whose call is being answered, where it says so."""
calling_principal: ContextVar[str] = ContextVar("calling_principal", default="")
"""Whom that host says it calls for, where its message has no place for that."""

_log = logging.getLogger("qntx.plugin")

OnEvent = Callable[[Event], None]
OpenEngine = Callable[[Settings], AbstractAsyncContextManager[Engine]]


class Executor:
    """Runs code for whoever calls this plugin."""

    def __init__(self, variant: Variant, open_engine: OpenEngine, metrics: Metrics, audit: Audit) -> None:
        self.variant = variant
        self.metrics = metrics
        self.audit = audit
        self._open_engine = open_engine
        self._host = HostClients(Endpoints())
        self._hosts: OrderedDict[str, HostClients] = OrderedDict()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False
        self._current: _Held | None = None
        self._retiring: list[_Held] = []
        self._retired: set[asyncio.Task[None]] = set()

    @property
    def host(self) -> HostClients:
        """The services of the host that initialised this plugin last."""
        return self._host

    @property
    def limits(self) -> Limits:
        """What a run may use that does not say otherwise."""
        return self._current.settings.limits if self._current is not None else self.variant.limits

    @property
    def path(self) -> tuple[str, ...]:
        """Where scripts import from, in order."""
        if self._current is None:
            return tuple(sys.path)
        settings = self._current.settings
        return (*settings.paths, *sys.path, *settings.paths_after)

    def configure(self, settings: Settings) -> None:
        """Run by these settings from now on. Returns at once; the engine warms up meanwhile."""
        if self._current is not None and self._current.settings == settings:
            return
        self._replace(settings)

    def renew(self) -> None:
        """Go on with a new engine of the same settings: one that has imported nothing yet."""
        self.audit.installed()
        if self._current is not None:
            self._replace(self._current.settings)

    def connect(self, endpoints: Endpoints) -> None:
        """Call home to these services from now on. What another host asks for still calls home to that one."""
        name = host_name(endpoints.token)
        known = self._hosts.pop(name, None)
        if known is None or known.endpoints != endpoints:
            self._forget(known)
            known = HostClients(endpoints)
        self._host = self._hosts[name] = known
        while len(self._hosts) > HOSTS_KEPT:
            self._forget(self._hosts.popitem(last=False)[1])

    def new_id(self) -> str:
        return asid("PX", self.variant.name, "run", "", secrets.token_bytes(RANDOM_BYTES))

    async def run(self, execution: Execution, on_event: OnEvent | None = None, *, admitted: bool = False) -> Result:
        """Run it to its end. A script's failure is in the result; what is raised is that it could not run at all.

        One that was `admitted` before is run even where nothing new is taken any more.
        """
        if not admitted:
            self.require_open()
        with self._counted():
            return await self._run(self._of_principal(execution), on_event)

    def require_open(self) -> None:
        """Raise PluginUnavailable where nothing new is taken."""
        if self.draining:
            raise PluginUnavailable(f"{self.variant.name} is ending and takes nothing new: nothing of this was run")

    async def drained(self) -> None:
        """Take nothing new from now on; returns when what is under way is over."""
        self.draining = True
        await asyncio.sleep(0)  # those that were admitted a moment ago are under way after this step of the loop
        await self._idle.wait()

    async def _run(self, execution: Execution, on_event: OnEvent | None) -> Result:
        with tracing.span("execute") as span:
            span.tell(plugin=self.variant.name, execution_id=execution.id, trigger=execution.trigger.kind)
            result = await self._recorded(execution, on_event)
            span.tell(outcome=result.outcome.value)
            span.part("worker", result.duration_ms / 1000, cpu_ms=result.cpu_ms, peak_rss_bytes=result.peak_rss_bytes)
            if not result.success:
                span.failed(result.outcome.value)
            return result

    async def _recorded(self, execution: Execution, on_event: OnEvent | None) -> Result:
        try:
            async with self._engine() as engine, aclosing(self._home(execution)) as home:
                with await self.audit.recording(execution, self.path, lambda: home.calls) as recording:
                    result = recording.ended(await engine.run(execution, home, recording.listening(on_event)))
        except ChassisError as refusal:
            self.metrics.refused(refusal)
            raise
        except asyncio.CancelledError:
            # Whoever asked has gone away, and nobody is left to be answered.
            self.metrics.ended(Result(Outcome.CANCELLED))
            raise
        self.metrics.ended(result)
        return result

    def cancel(self, execution_id: str) -> bool:
        """Stop that run, on whichever engine it began. False where there is none."""
        held = [self._current, *self._retiring] if self._current is not None else []
        return any(each.engine.cancel(execution_id) for each in held if each.engine is not None)

    def sessions(self, principal: str) -> Sequence[Mapping[str, Any]]:
        engine = self._serving()
        return engine.sessions(principal) if engine is not None else ()

    async def inspect_session(self, principal: str, session_id: str) -> Sequence[Mapping[str, str]]:
        async with self._engine() as engine:
            return await engine.inspect_session(principal, session_id)

    def end_session(self, principal: str, session_id: str) -> bool:
        engine = self._serving()
        return engine is not None and engine.end_session(principal, session_id)

    def describe(self) -> Mapping[str, Any]:
        """What the engine says of itself, and why there is none where there is none."""
        if self._current is None:
            return {"ready": False, "fault": "not configured"}
        if self._current.engine is None:
            return {"ready": False, "fault": self._current.fault or "warming up"}
        return self._current.engine.describe()

    async def aclose(self) -> None:
        if self._current is not None:
            await self._current.aclose(at_once=True)
        for held in list(self._retiring):
            await held.aclose(at_once=True)
        for task in self._retired:
            task.cancel()
        await asyncio.gather(*self._retired, return_exceptions=True)
        for host in (self._host, *self._hosts.values()):
            await host.aclose()
        await self.audit.aclose()

    def _home(self, execution: Execution) -> ScriptHome:
        host = self._hosts.get(calling_host.get(), self._host)
        return ScriptHome(host, self.variant, execution)

    def _of_principal(self, execution: Execution) -> Execution:
        """Anybody can write a name beside a call: it is a host's word only where it comes with that host's own name."""
        principal = calling_principal.get()
        if execution.principal or not principal or not calling_host.get() or calling_host.get() not in self._hosts:
            return execution
        return replace(execution, principal=principal)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    def _forget(self, host: HostClients | None) -> None:
        if host is not None:
            self._retire(self._close_when_idle(host))

    @asynccontextmanager
    async def _engine(self) -> AsyncIterator[Engine]:
        if self._current is None:
            raise PluginUnavailable(f"{self.variant.name} is not configured yet; try again in a moment")
        async with self._current.lent() as engine:
            yield engine

    def _replace(self, settings: Settings) -> None:
        previous, self._current = self._current, _Held(settings, self._open_engine)
        if previous is not None:
            self._retire(self._close_when_unused(previous))

    def _retire(self, ending: Any) -> None:
        task = asyncio.get_running_loop().create_task(ending)
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    def _serving(self) -> Engine | None:
        return self._current.engine if self._current is not None else None

    async def _close_when_unused(self, held: _Held) -> None:
        self._retiring.append(held)
        try:
            await held.aclose()
        finally:
            self._retiring.remove(held)

    async def _close_when_idle(self, host: HostClients) -> None:
        # Runs under way may still call; the longest of them is not waited for.
        await asyncio.sleep(START_SECONDS_MAX)
        await host.aclose()


class _Held:
    """An engine from the moment it is wanted until nobody uses it."""

    def __init__(self, settings: Settings, open_engine: OpenEngine) -> None:
        self.settings = settings
        self.engine: Engine | None = None
        self.fault = ""
        self._ready = asyncio.Event()
        self._unwanted = asyncio.Event()
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._task = asyncio.get_running_loop().create_task(self._hold(open_engine))

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Engine]:
        self._users += 1
        self._idle.clear()
        try:
            yield await self._opened()
        finally:
            self._users -= 1
            if not self._users:
                self._idle.set()

    async def aclose(self, *, at_once: bool = False) -> None:
        if not at_once:
            await self._idle.wait()
        self._unwanted.set()
        if self.engine is None:
            self._task.cancel()
        await asyncio.wait([self._task])

    async def _opened(self) -> Engine:
        try:
            await asyncio.wait_for(self._ready.wait(), START_SECONDS_MAX)
        except TimeoutError:
            raise PluginUnavailable(f"the engine is still starting after {START_SECONDS_MAX:g} s") from None
        if self.engine is None:
            raise PluginUnavailable(f"the engine did not start: {self.fault or 'the plugin is ending'}")
        return self.engine

    async def _hold(self, open_engine: OpenEngine) -> None:
        try:
            async with open_engine(self.settings) as self.engine:
                self._ready.set()
                await self._unwanted.wait()
        except Exception as fault:
            # A plugin whose engine does not start still answers, and says so.
            self.fault = f"{type(fault).__name__}: {fault}"
            _log.exception("the engine did not start")
        finally:
            self.engine = None
            self._ready.set()
