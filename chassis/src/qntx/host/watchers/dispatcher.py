"""Carries out the actions of watchers: code and glyphs through the executor, handlers on their plugin, webhooks."""

from __future__ import annotations

import uuid

import httpx
import msgspec

from qntx.errors import ChassisError
from qntx.host.executor import Executor, Script
from qntx.host.plugins.registry import Registry
from qntx.host.plugins.router import route
from qntx.host.watchers.dispatch import Firing, Ran
from qntx.host.watchers.glyphs import Glyphs
from qntx.model.attestation import Attestation
from qntx.model.execution import Trigger
from qntx.model.watcher import Action, Watcher, action_fields
from qntx.protocol import domain_pb2
from qntx.wire.record import record_of

WEBHOOK_TIMEOUT_SECONDS = 10.0
FIRING_HEADER = "X-QNTX-Firing"


class HostDispatcher:
    """`http` stays with whoever made it."""

    def __init__(
        self,
        executor: Executor,
        registry: Registry,
        glyphs: Glyphs,
        http: httpx.AsyncClient,
        default_provider: str,
    ) -> None:
        self._executor = executor
        self._registry = registry
        self._glyphs = glyphs
        self._http = http
        self._default_provider = default_provider

    async def missing(self, watcher: Watcher) -> str:
        try:
            if provider := await self._provider(watcher):
                self._registry.get(provider).reached()
        except ChassisError as error:
            return str(error)
        return ""

    def marks(self, watcher: Watcher) -> list[str]:
        match watcher.action:
            case Action.PLUGIN_EXECUTE:
                handler = str(action_fields(watcher, "plugin_name", "handler_name")["handler_name"])
                # The plugin puts the handler's bare name on what it attests; a function's address is longer.
                bare = handler.partition(".")[2] or handler
                return list(dict.fromkeys((handler, bare, bare.rpartition(".")[0] or bare)))
            case Action.PYTHON:
                return [f"glyph:{_glyph_id(watcher)}"]
            case Action.GLYPH_EXECUTE:
                return [f"glyph:{action_fields(watcher, 'target_glyph_id')['target_glyph_id']}"]
            case Action.WEBHOOK:
                return []

    async def run(self, watcher: Watcher, firing: Firing, claim: Attestation) -> Ran:
        match watcher.action:
            case Action.PLUGIN_EXECUTE:
                return await self._run_handler(watcher, firing, claim)
            case Action.WEBHOOK:
                return await self._call_webhook(watcher, firing, claim)
            case Action.PYTHON:
                return await self._run_code(watcher, claim)
            case Action.GLYPH_EXECUTE:
                return await self._glyphs.run(watcher, claim)

    async def _provider(self, watcher: Watcher) -> str:
        """The plugin it runs on; empty for none."""
        match watcher.action:
            case Action.PLUGIN_EXECUTE:
                return str(action_fields(watcher, "plugin_name", "handler_name")["plugin_name"])
            case Action.WEBHOOK:
                return ""
            case Action.GLYPH_EXECUTE:
                symbol = await self._glyphs.symbol(watcher)
            case Action.PYTHON:
                symbol = watcher.glyph
        return route(symbol, self._registry.providers(), self._default_provider) if symbol else ""

    async def _run_handler(self, watcher: Watcher, firing: Firing, claim: Attestation) -> Ran:
        fields = action_fields(watcher, "plugin_name", "handler_name")
        client = self._registry.get(fields["plugin_name"]).reached()
        request = domain_pb2.ExecuteJobRequest(
            job_id=firing.id, handler_name=fields["handler_name"], payload=msgspec.json.encode(record_of(claim))
        )
        answer = await client.execute_job(request, watcher.principal)
        output = "\n".join(entry.message for entry in answer.log_entries)
        return Ran(answer.success, answer.error or ("" if answer.success else "the plugin did not say why"), output)

    async def _run_code(self, watcher: Watcher, claim: Attestation) -> Ran:
        answer = await self._executor.run(
            Script(
                code=watcher.action_data,
                glyph=watcher.glyph,
                glyph_id=_glyph_id(watcher),
                upstream=record_of(claim),
                trigger=Trigger("watcher", watcher.id),
                principal=watcher.principal,
                # Not the firing's: the same execution id again would be the run that failed.
                execution_id=uuid.uuid4().hex,
            )
        )
        return Ran(answer.success, answer.error or "", answer.stdout + answer.stderr)

    async def _call_webhook(self, watcher: Watcher, firing: Firing, claim: Attestation) -> Ran:
        headers = {"Content-Type": "application/json", FIRING_HEADER: firing.id}
        try:
            answer = await self._http.post(
                watcher.action_data,
                content=msgspec.json.encode(record_of(claim)),
                headers=headers,
                timeout=WEBHOOK_TIMEOUT_SECONDS,
            )
        except httpx.HTTPError as error:
            return Ran(False, f"{watcher.action_data}: {type(error).__name__} {error}")
        if answer.is_success:
            return Ran(True, output=answer.text)
        return Ran(False, f"{watcher.action_data} answered {answer.status_code}", answer.text)


def _glyph_id(watcher: Watcher) -> str:
    """What a python action runs as, for the actor of what it attests."""
    return f"watcher:{watcher.id}"
