"""Which job does an `ix` command stand for?"""

from __future__ import annotations

import json
from dataclasses import replace
from difflib import get_close_matches

from qntx.errors import InvalidRequest, NoIngestScript, NotFound
from qntx.host.ix.inputs import existing
from qntx.host.ix.parser import Command, parse_line
from qntx.host.ix.scripts import Scripts
from qntx.host.plugins.registry import Registry
from qntx.host.plugins.router import route
from qntx.model.ingest import IngestScript
from qntx.model.job import Grants, JobDraft

TIMEOUT_SECONDS = 3600.0
NEAR_MAX = 3
TRIED = "try "
"""Before the source of what is only tried: no run of the script that is published."""


class Router:
    """First a published script of that type, then a bundled one, then a handler of that name."""

    def __init__(self, scripts: Scripts, registry: Registry, default_provider: str = "") -> None:
        self._scripts = scripts
        self._registry = registry
        self._default_provider = default_provider

    async def resolve_line(self, line: str) -> JobDraft:
        return await self.resolve(parse_line(line))

    async def resolve(self, command: Command, version: int | None = None, code: str = "") -> JobDraft:
        """The job to enqueue; to try code, with that for the script's. Raises NoIngestScript with the nearest names."""
        try:
            script = await self._scripts.get(command.type, version)
        except NotFound:
            if version is not None or code:
                raise
            return await self._handler(command)
        if code:
            script = replace(script, code=code)
        if script.came_with_variant and not command.inputs:
            raise InvalidRequest(
                "ats_code", f"`ix {script.name}` names no input; say of what, as in `ix {script.name} PATH`"
            )
        return JobDraft(
            handler_name=f"{self._provider(script)}/{self._provider(script)}.script",
            payload_json=json.dumps(_payload(command, script)).encode(),
            source=TRIED + command.source if code else _source(command, version),
            timeout_seconds=TIMEOUT_SECONDS,
            grants=_grants(command, script),
        )

    async def _handler(self, command: Command) -> JobDraft:
        announced = {
            handler.removeprefix(f"{plugin.name}."): f"{plugin.name}/{handler}"
            for plugin in self._registry
            if plugin.announced is not None
            for handler in plugin.announced.handler_names
        }
        announced = {name: full for name, full in announced.items() if name != "script" and not name.startswith("__")}
        if command.type in announced:
            payload = {"input": " ".join(command.inputs), "arguments": list(command.inputs), **_optional(command)}
            return JobDraft(
                handler_name=announced[command.type],
                payload_json=json.dumps(payload).encode(),
                source=command.source,
                timeout_seconds=TIMEOUT_SECONDS,
            )
        known = [script.name for script in await self._scripts.list()] + list(announced)
        raise NoIngestScript(command.type, get_close_matches(command.type, known, NEAR_MAX))

    def _provider(self, script: IngestScript) -> str:
        return route(script.glyph or "py", self._registry.providers(), self._default_provider)


def _source(command: Command, version: int | None) -> str:
    return command.source if version is None else f"{command.source} (version {version})"


def _payload(command: Command, script: IngestScript) -> dict[str, object]:
    """`script_code`, `script_type` and `input` are what every python.script job has always had."""
    inputs = [str(existing(text) or text) for text in command.inputs]
    return {
        "script_code": script.code,
        "script_type": script.name,
        "input": " ".join(inputs),
        "inputs": inputs,
        "version": script.version,
        **_optional(command),
    }


def _grants(command: Command, script: IngestScript) -> Grants:
    """What the script says it needs, and the files it is pointed at; nothing else."""
    return Grants(
        network="network" in script.needs,
        subprocess="subprocess" in script.needs,
        readable_paths=tuple(str(path) for path in map(existing, command.inputs) if path),
    )


def _optional(command: Command) -> dict[str, object]:
    return {"options": command.options} if command.options else {}
