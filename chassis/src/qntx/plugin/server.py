"""The plugin as a server: what it is made of, how it starts, how it ends.

The engine warms up beside the server, in processes of its own, so that the port is told and Metadata answered at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import AsyncExitStack

import grpc.aio
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection

from qntx.engine.pool import Pool
from qntx.model.variant import Variant
from qntx.plugin import listening
from qntx.plugin.arguments import Arguments
from qntx.plugin.audit import Audit
from qntx.plugin.domain import DomainServicer
from qntx.plugin.executor import Executor
from qntx.plugin.handlers import Handlers
from qntx.plugin.interceptors import CallerNoted, ErrorsToStatus, TokenRequired
from qntx.plugin.jobs import Jobs
from qntx.plugin.lifecycle import Lifecycle, force_end_later
from qntx.plugin.metrics import Metrics
from qntx.plugin.python import PythonServicer
from qntx.plugin.runs import Runs
from qntx.plugin.runtime import RuntimeServicer
from qntx.protocol import domain_pb2, python_pb2, runtime_pb2
from qntx.wire import tracing
from qntx.wire.services import SERVER_OPTIONS, add_service

GRACE_SECONDS = 0.3
"""For answers that are on their way when the end comes."""

_SERVICES = (
    domain_pb2.DESCRIPTOR.services_by_name["DomainPluginService"],
    python_pb2.DESCRIPTOR.services_by_name["PythonService"],
    runtime_pb2.DESCRIPTOR.services_by_name["PythonRuntime"],
)

_log = logging.getLogger("qntx.plugin")


async def serve(arguments: Arguments, variant: Variant) -> None:
    """Serve until there is a reason to end."""
    lifecycle = Lifecycle()
    async with AsyncExitStack() as stack:
        executor = Executor(variant, Pool, Metrics(variant.name), Audit(variant))
        stack.push_async_callback(executor.aclose)
        runs = Runs(executor)
        stack.push_async_callback(runs.aclose)
        handlers = Handlers(variant.name, variant.version, lambda: executor.host)
        looking = asyncio.get_running_loop().create_task(handlers.keep_looking())
        stack.callback(looking.cancel)
        server = _server(arguments)
        port = listening.bind(server, arguments)
        serving = _Serving()
        authority = arguments.credentials.host_authority
        domain = DomainServicer(executor, handlers, lifecycle, arguments.manifest, authority, serving.fully)
        await serving.add(
            server, domain, PythonServicer(executor), RuntimeServicer(executor, runs, Jobs(executor, handlers))
        )
        await server.start()
        stack.push_async_callback(server.stop, GRACE_SECONDS)
        print(f"QNTX_PLUGIN_PORT={port}", flush=True)
        tracing.start(variant.program, variant.version, os.environ)
        stack.callback(tracing.stop)
        domain.configure({})
        _log.info("%s %s serves on %s:%d", variant.name, variant.version, arguments.host, port)
        with lifecycle.watching(parent=not arguments.outlive_parent):
            reason = await lifecycle.ended()
            _log.info("ending: %s", reason)
            await serving.end()
            await _drain(executor, lifecycle, arguments.drain_seconds)
        force_end_later()
    _log.info("ended")


async def _drain(executor: Executor, lifecycle: Lifecycle, seconds: float) -> None:
    """Give what is under way its time to end, as long as nobody presses."""
    over = asyncio.ensure_future(executor.drained())
    pressed = asyncio.ensure_future(lifecycle.pressing())
    _, waiting = await asyncio.wait((over, pressed), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def _server(arguments: Arguments) -> grpc.aio.Server:
    token = arguments.credentials.token
    interceptors = [TokenRequired(token)] if token else []
    return grpc.aio.server(interceptors=[*interceptors, CallerNoted(), ErrorsToStatus()], options=SERVER_OPTIONS)


class _Serving:
    """What health checking says. PythonRuntime serves once there is a host to call home to, so that work that is
    balanced between replicas goes to none that would not know what to do with it."""

    def __init__(self) -> None:
        self._healths = health.aio.HealthServicer()  # type: ignore[attr-defined]  # its stubs do not know it

    async def add(self, server: grpc.aio.Server, *servicers: object) -> None:
        """Serve these, health checking and reflection."""
        for service, servicer in zip(_SERVICES, servicers, strict=True):
            add_service(server, service, servicer)
        add_service(server, health_pb2.DESCRIPTOR.services_by_name["Health"], self._healths)
        names = [service.full_name for service in _SERVICES]
        for name in ("", *names):
            await self._set(name, serves=name != names[-1])
        reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)

    async def fully(self) -> None:
        await self._set(_SERVICES[-1].full_name, serves=True)

    async def end(self) -> None:
        await self._healths.enter_graceful_shutdown()

    async def _set(self, name: str, *, serves: bool) -> None:
        status = health_pb2.HealthCheckResponse
        await self._healths.set(name, status.SERVING if serves else status.NOT_SERVING)
