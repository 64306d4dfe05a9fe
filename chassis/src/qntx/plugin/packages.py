"""Packages installed while the plugin runs, as its callers ask for them and are answered.

A wheel is tried as any script runs: in a worker of its own, which may crash, hang or fill its memory, and holds no
secret.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from qntx.engine import requirements
from qntx.engine.overlay import Generation
from qntx.engine.packages import Change, Packages
from qntx.engine.uv import Uv
from qntx.errors import ChassisError, InvalidRequest, PluginUnavailable, Unavailable
from qntx.model.execution import Execution, Outcome, Result
from qntx.plugin.executor import Executor
from qntx.plugin.fields import Fields
from qntx.plugin.http import Response
from qntx.wire.execution import record

TRIAL_SECONDS = 120.0

TRIAL = "from qntx.worker.trial import tried\n_result = tried(*{arguments})\n"

_log = logging.getLogger("qntx.plugin")


class Site:
    """The site directory this plugin is configured with."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._packages: Packages | None = None
        self.fault = ""
        """Why nothing can be installed."""

    def use(self, directory: Path) -> None:
        """Install there from now on. A directory that cannot be written to is no reason not to serve."""
        if self._packages is not None and self._packages.overlay.site == directory:
            return
        packages = Packages(directory, Uv(directory.parent / "cache"), self._try_out)
        try:
            packages.overlay.prepare()
        except OSError as fault:
            self._packages, self.fault = (
                None,
                f"site dir {directory} cannot be used, so nothing can be installed: {fault}",
            )
            _log.warning("%s", self.fault)
        else:
            self._packages, self.fault = packages, ""

    def installed(self) -> list[dict[str, object]]:
        return self._packages.installed() if self._packages is not None else []

    async def install(self, fields: Fields) -> Response:
        """The answer to a request to install: the shape is that of an execution."""
        asked = requirements.read(_texts(fields))
        return await self._changed("installed", self._there().install(asked, force=fields.flag("force")))

    async def remove(self, fields: Fields) -> Response:
        return await self._changed("removed", self._there().remove(requirements.names(_texts(fields))))

    def _there(self) -> Packages:
        if self._packages is None:
            raise PluginUnavailable(self.fault or f"{self._executor.variant.name} is not configured yet")
        return self._packages

    async def _changed(self, what: str, changing: Awaitable[Change]) -> Response:
        began = time.perf_counter()
        try:
            change = await changing
        except Unavailable:
            raise
        except ChassisError as refusal:
            return _answer(Result(Outcome.RAISED, error=str(refusal)), {what: False}, began)
        if change.ahead:
            # Modules that are in memory already stay there; only a new engine has others.
            self._executor.renew()
        return _answer(Result(Outcome.FINISHED), {what: True, **self._told(change)}, began)

    def _told(self, change: Change) -> dict[str, Any]:
        return {
            "wheel": " ".join(change.wheels),
            "site": str(self._there().overlay.site),
            "bytes": change.size_bytes,
            "replaced": list(change.replaced),
            "packages": [{"name": name, "version": version} for name, version in (change.added or {}).items()],
            "removed": list(change.removed),
        }

    async def _try_out(self, generation: Generation, modules: Sequence[str]) -> str:
        overlay = self._there().overlay
        arguments = json.dumps([str(overlay.current.root), str(generation.root), list(modules)])
        limits = self._executor.limits
        execution = Execution(
            code=TRIAL.format(arguments=arguments),
            id=self._executor.new_id(),
            filename="<trial of a package>",
            limits=replace(limits, timeout_seconds=max(TRIAL_SECONDS, limits.timeout_seconds)),
        )
        result = await self._executor.run(execution)
        if not result.success:
            reason = result.error.strip().splitlines() or [result.outcome.value]
            return f"ended the process that imported {', '.join(modules)}: {reason[0]}"
        return "; ".join(json.loads(result.result_json))


def _answer(result: Result, told: dict[str, Any], began: float) -> Response:
    took_ms = 1000 * (time.perf_counter() - began)
    whole = replace(result, duration_ms=took_ms, result_json=json.dumps(told).encode())
    return Response(200 if result.success else 400, record(whole))


def _texts(fields: Fields) -> list[str]:
    """`package` as one text that may name several, or `packages` as a list."""
    value = fields.value("packages")
    if value is None and isinstance(fields.value("package"), list):
        value = fields.value("package")
    if value is None:
        return [fields.required_text("package")]
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InvalidRequest("packages", "expected a list of texts")
    return value
