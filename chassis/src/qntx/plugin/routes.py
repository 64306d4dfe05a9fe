"""What this plugin answers under /api/{its name}/."""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from qntx.model.execution import Execution, Limits
from qntx.plugin import glyph, metrics, modules, requests
from qntx.plugin.executor import Executor
from qntx.plugin.fields import Fields
from qntx.plugin.http import Request, Response, Route, answer
from qntx.plugin.ingest import Brought
from qntx.plugin.packages import Site
from qntx.wire.execution import record

Ask = Callable[[Fields, str, Limits], Execution]


class State(Protocol):
    """What the routes tell of the plugin besides its executor."""

    @property
    def healthy(self) -> bool: ...

    @property
    def default_modules(self) -> tuple[str, ...]: ...

    def health(self) -> dict[str, str]: ...

    def handlers(self) -> Sequence[Mapping[str, Any]]: ...

    def ingest_scripts(self) -> Sequence[Brought]: ...


class Routes:
    """The routes of one plugin."""

    def __init__(self, executor: Executor, state: State, site: Site) -> None:
        self._executor = executor
        self._site = site
        self._state = state

    def table(self) -> list[Route]:
        return [
            Route("POST", "/execute", "Run code: content (or code), timeout_secs, capture_variables", self._execute),
            Route("POST", "/evaluate", "The value of one expression: expr (or content), timeout_secs", self._evaluate),
            Route("POST", "/execute-file", "Run a Python file of this machine: path, timeout_secs", self._execute_file),
            Route("GET", "/uv/check", "Whether a module can be imported: module", self._check),
            Route("POST", "/uv/check", "The same, with the module in the body", self._check),
            Route("POST", "/uv/install", "Install packages: package (or packages), force", self._install),
            Route("POST", "/uv/remove", "Remove packages installed so: package (or packages)", self._remove),
            Route("GET", "/uv/list", "The packages installed so", self._installed),
            Route("GET", "/pip/check", "The same as uv/check", self._check),
            Route("POST", "/pip/check", "The same as uv/check", self._check),
            Route("POST", "/pip/install", "The same as uv/install", self._install),
            Route("GET", "/packages", "The installed packages and their versions", self._packages),
            Route("GET", "/version", "The versions of Python and of this plugin", self._version),
            Route("GET", "/modules", "Which of some modules are there: modules", self._modules),
            Route("POST", "/modules", "The same, with the modules in the body", self._modules),
            Route("GET", "/health", "How the plugin is", self._health),
            Route("GET", "/handlers", "The handlers it found and how each is", self._handlers),
            Route("GET", "/ingest-scripts", "The ingest scripts it brings along", self._ingest_scripts),
            Route("GET", "/metrics", "Counts and durations for Prometheus", self._metrics),
            Route("GET", glyph.MODULE_PATH, "The plugin's glyph, for QNTX's canvas", self._glyph),
        ]

    async def _execute(self, request: Request) -> Response:
        return await self._run(request, requests.execute)

    async def _evaluate(self, request: Request) -> Response:
        return await self._run(request, requests.evaluate)

    async def _execute_file(self, request: Request) -> Response:
        return await self._run(request, requests.execute_file)

    async def _run(self, request: Request, ask: Ask) -> Response:
        execution = ask(request.fields(), self._executor.new_id(), self._executor.limits)
        result = await self._executor.run(execution)
        told = record(
            result,
            execution_id=execution.id,
            outcome=result.outcome.value,
            displays=list(result.displays),
            truncated=result.truncated,
            capsule_id=result.capsule_id,
        )
        return Response(200 if result.success else 400, told)

    async def _check(self, request: Request) -> Response:
        module = request.fields().required_text("module")
        there = await asyncio.to_thread(modules.available, module, self._executor.path)
        return answer({"module": module, "available": there})

    async def _install(self, request: Request) -> Response:
        return await self._site.install(request.fields())

    async def _remove(self, request: Request) -> Response:
        return await self._site.remove(request.fields())

    async def _installed(self, _request: Request) -> Response:
        return answer({"packages": await asyncio.to_thread(self._site.installed)})

    async def _packages(self, _request: Request) -> Response:
        return answer({"packages": await asyncio.to_thread(modules.packages, self._executor.path)})

    async def _version(self, _request: Request) -> Response:
        variant = self._executor.variant
        told = {
            "python_version": sys.version,
            "plugin_version": variant.version,
            "implementation": platform.python_implementation(),
        }
        return answer({**told, "name": variant.name})

    async def _modules(self, request: Request) -> Response:
        names = request.fields().texts("modules") or list(self._state.default_modules)
        path = self._executor.path
        there = await asyncio.to_thread(lambda: {name: modules.available(name, path) for name in names})
        return answer({"modules": there})

    async def _health(self, _request: Request) -> Response:
        return answer({"healthy": self._state.healthy, "details": self._state.health()})

    async def _handlers(self, _request: Request) -> Response:
        return answer({"handlers": list(self._state.handlers())})

    async def _ingest_scripts(self, _request: Request) -> Response:
        return answer([asdict(script) for script in await asyncio.to_thread(self._state.ingest_scripts)])

    async def _metrics(self, _request: Request) -> Response:
        text = self._executor.metrics.text(self._executor.describe())
        return Response(200, text.encode(), metrics.CONTENT_TYPE)

    async def _glyph(self, _request: Request) -> Response:
        return Response(200, glyph.module(self._executor.variant), glyph.MODULE_TYPE)
