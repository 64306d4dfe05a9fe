"""The handlers of this plugin: found in the store, announced to the host, run by name.

What is known stays known while the store is away. A handler that cannot be read is attested as `handler:faulted` and
keeps no other from running.

New and changed code is taken by a look at the store: at Initialize, when the reload watcher fires, and now and then
without being asked, for handlers that were written past the host. New names, watchers and schedules are the host's to
take: after a reload that changed them the plugin attests `handlers:changed` about itself, and a host that sees it calls
Initialize again. QNTX's core does not; there, changed periods of known schedules are brought up to date all the same.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from qntx.clients.ats import Provenance
from qntx.clients.host import HostClients
from qntx.errors import ChassisError, HostUnavailable, NotFound, Refused, UnknownHandler
from qntx.model.attestation import Filter
from qntx.model.execution import Execution, Limits, Result
from qntx.plugin.handler_history import Record, run_of
from qntx.plugin.handler_table import FAULTED, HANDLER, Announcement, Handler, Reading, announcement
from qntx.script.triggers import arguments, chosen
from qntx.wire.caller import of_handler

CHANGED = "handlers:changed"
INITIALIZE_SECONDS = 6.0
"""How long a look may keep Initialize from answering: QNTX gives it ten when a configuration is changed."""
LOOK_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 5.0
"""While the store has not answered yet."""
PLACEHOLDER_SECONDS = 86_400
"""Of a schedule that is asked for only to learn its id and delete it."""
TOLD_MAX = 20

_log = logging.getLogger("qntx.plugin")


class Handlers:
    """Finds handlers, says which there are and what each run of one is."""

    def __init__(
        self,
        plugin: str,
        version: str,
        host: Callable[[], HostClients],
        *,
        initialize_seconds: float = INITIALIZE_SECONDS,
    ) -> None:
        self._plugin = plugin
        self._provenance = Provenance(version)
        self._host = host
        self._initialize_seconds = initialize_seconds
        self._contexts: tuple[str, ...] = (plugin,)
        self._handlers: dict[str, Handler] = {}
        self._records: dict[str, Record] = {}
        self._told = self._announcement()
        self._periods: dict[str, int | None] = {**self._told.periods()}
        """Seconds between runs as the host has them, by announced name."""
        self._signalled = self._told.fingerprint()
        self._known = False
        self._looking = asyncio.Lock()

    async def discover(self, *, default: bool = False) -> Announcement:
        """Look, and say what Initialize answers. `default`: handlers of the context `python` are this plugin's too."""
        self._contexts = (self._plugin, "python") if default and self._plugin != "python" else (self._plugin,)
        try:
            async with asyncio.timeout(self._initialize_seconds), self._looking:
                await self._look()
        except TimeoutError:
            _log.warning("the store takes its time, so the handlers that are not known yet are looked up again soon")
            self._known = False
        self._told = self._announcement()
        self._periods = {**self._told.periods()}
        self._signalled = self._told.fingerprint()
        names = ", ".join(sorted(self._handlers)) or "none"
        _log.info("handlers discovered: %s; announced: %s", names, ", ".join(self._told.handler_names))
        return self._told

    async def reload(self) -> int:
        """Look again; how many there are now."""
        async with self._looking:
            if await self._look():
                await self._bring_up_to_date()
        return len(self._handlers)

    async def keep_looking(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS if self._known else LOOK_AGAIN_SECONDS)
            if self._host().endpoints.ats:
                await self.reload()

    def execution(self, trigger: str, payload: Any, execution_id: str, limits: Limits) -> Execution:
        """The run that this name stands for. NotFound where nothing does, Refused where it cannot be loaded."""
        handler, wanted = self._find(trigger)
        if handler.fault:
            raise Refused(f"handler {handler.name} did not load: {handler.fault}")
        function = chosen(handler.declared, payload, wanted)
        return Execution(
            code=handler.code,
            id=execution_id,
            filename=f"<{handler.name}>",
            limits=limits,
            upstream=payload,
            handler=handler.name,
            call=function.name if function else "",
            call_with=arguments(function, payload) if function else (),
        )

    def ended(self, execution: Execution, result: Result) -> None:
        """Take note of how a run of a handler went."""
        if execution.handler:
            run = run_of(execution.id, execution.call, time.time_ns() // 1_000_000, result)
            self._records.setdefault(execution.handler, Record()).ended(run, success=result.success)

    def health(self) -> dict[str, str]:
        """For Health: how many there are, and what is wrong with those that something is wrong with."""
        faulted = {f"handler.{each.name}": f"faulted: {each.fault}" for each in self._ordered() if each.fault}
        failing = {f"handler.{name}": record.in_a_line() for name, record in self._failing()}
        wrong = faulted | failing
        summary = f"{len(self._handlers)} ({len(faulted)} faulted, {len(failing)} failing)"
        return {"handlers": summary, **dict(list(wrong.items())[:TOLD_MAX])}

    def describe(self) -> list[dict[str, Any]]:
        """For HTTP: each with its triggers, its state and its last runs."""
        return [self._listed(handler) for handler in self._ordered()]

    def _announcement(self) -> Announcement:
        return announcement(self._plugin, self._handlers, self._contexts)

    async def _look(self) -> bool:
        """Read the store; False, and nothing changed, where it cannot be read."""
        wanted = Filter(predicates=(HANDLER, FAULTED), contexts=self._contexts)
        reading = Reading()
        try:
            async for row in self._host().ats.stream(wanted):
                reading.take(row)
        except (HostUnavailable, Refused) as away:
            _log.warning("handlers could not be looked up, the %d known ones stay: %s", len(self._handlers), away)
            return False
        self._handlers = reading.handlers
        self._records = {name: each for name, each in self._records.items() if name in self._handlers}
        self._known = True
        for handler in reading.unreported():
            _log.warning("handler %s did not load: %s", handler.name, handler.fault)
            about = {"plugin": self._plugin, "handler": handler.name, "reason": handler.fault}
            await self._attest(handler.name, FAULTED, about)
        return True

    async def _bring_up_to_date(self) -> None:
        """Bring what the host was told in line with what there is now, as far as this host lets us."""
        now = self._announcement()
        if now.fingerprint() == self._signalled:
            return
        await self._reschedule(now.periods())
        if await self._attest(self._plugin, CHANGED, {"handlers": sorted(self._handlers)}):
            self._signalled = now.fingerprint()

    async def _reschedule(self, after: Mapping[str, int]) -> None:
        """Change the schedules of names the host knows. The others come with the next Initialize."""
        for name in self._told.handler_names:
            if self._periods.get(name) == after.get(name):
                continue
            try:
                await self._set_period(name, after.get(name))
                self._periods[name] = after.get(name)
            except ChassisError as refusal:
                _log.warning("the schedule of %s could not be changed: %s", name, refusal)

    async def _set_period(self, name: str, seconds: int | None) -> None:
        # An active schedule of that handler is found by asking for one: the host then answers the id it has.
        schedules = self._host().schedules
        # A host that knows whose schedule it is takes it away with the declaration.
        metadata = {"plugin": self._plugin, "declared": "true"}
        registered, principal = f"{self._plugin}/{name}", of_handler(self._plugin, name)
        interval_seconds = seconds or PLACEHOLDER_SECONDS
        schedule_id = await schedules.create(registered, interval_seconds, None, metadata, principal=principal)
        if seconds is None:
            await schedules.delete(schedule_id)
        elif await schedules.interval_seconds(schedule_id) != seconds:
            await schedules.delete(schedule_id)
            await schedules.create(registered, seconds, None, metadata, principal=principal)

    async def _attest(self, subject: str, predicate: str, attributes: Mapping[str, Any]) -> bool:
        draft = {
            "subjects": [subject],
            "predicates": [predicate],
            "contexts": [self._plugin],
            "attributes": attributes,
        }
        try:
            await self._host().ats.attest([json.dumps(draft, ensure_ascii=False).encode()], self._provenance)
        except ChassisError as refusal:
            _log.warning("%s of %s could not be attested: %s", predicate, subject, refusal)
            return False
        return True

    def _find(self, trigger: str) -> tuple[Handler, str]:
        """The handler that a name means, and the function of it, if the name says one."""
        name = trigger.removeprefix(f"{self._plugin}/").removeprefix(f"{self._plugin}.")
        if name in self._handlers:
            return self._handlers[name], ""
        owner, _, function = name.rpartition(".")
        if owner in self._handlers:
            return self._handlers[owner], function
        if name == trigger:
            raise UnknownHandler(trigger)
        raise NotFound(f"Handler {name} not found in discovered handlers")

    def _ordered(self) -> list[Handler]:
        return [self._handlers[name] for name in sorted(self._handlers)]

    def _failing(self) -> list[tuple[str, Record]]:
        return [(name, each) for name, each in sorted(self._records.items()) if each.status() == "failing"]

    def _listed(self, handler: Handler) -> dict[str, Any]:
        record = self._records.get(handler.name) or Record()
        functions = [
            {
                "name": function.name,
                "address": f"{self._plugin}.{handler.address(function)}",
                "description": function.description,
                "watches": [{"predicates": w.predicates, "contexts": w.contexts} for w in function.watches],
                "every_seconds": list(function.periods),
            }
            for function in handler.declared.functions
        ]
        return {
            "name": handler.name,
            "handler_name": f"{self._plugin}.{handler.name}",
            "status": "faulted" if handler.fault else record.status(),
            "fault": handler.fault,
            "description": handler.declared.description,
            "functions": functions,
            "attestation_id": handler.attestation_id,
            "published_at_ms": handler.published_at_ms,
            **record.told(),
        }
