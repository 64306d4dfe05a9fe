"""The plugin as a server: what it is made of, how it starts, how it ends.

The engine warms up beside the server, in processes of its own, so that the port is told and Metadata answered at once.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any

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
from qntx.plugin.interceptors import ErrorsToStatus, TokenRequired
from qntx.plugin.jobs import Jobs
from qntx.plugin.lifecycle import Lifecycle, force_end_later
from qntx.plugin.metrics import Metrics
from qntx.plugin.python import PythonServicer
from qntx.plugin.runs import Runs
from qntx.plugin.runtime import RuntimeServicer
from qntx.protocol import domain_pb2, python_pb2, runtime_pb2
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
        domain = DomainServicer(executor, handlers, lifecycle, arguments.manifest)
        healths = await _add_services(
            server, domain, PythonServicer(executor), RuntimeServicer(executor, runs, Jobs(executor, handlers))
        )
        await server.start()
        stack.push_async_callback(server.stop, GRACE_SECONDS)
        print(f"QNTX_PLUGIN_PORT={port}", flush=True)
        domain.configure({})
        _log.info("%s %s serves on %s:%d", variant.name, variant.version, arguments.host, port)
        with lifecycle.watching(parent=not arguments.outlive_parent):
            reason = await lifecycle.ended()
        force_end_later()
        _log.info("ending: %s", reason)
        await healths.enter_graceful_shutdown()
    _log.info("ended")


def _server(arguments: Arguments) -> grpc.aio.Server:
    token = arguments.credentials.token
    interceptors = [TokenRequired(token)] if token else []
    return grpc.aio.server(interceptors=[*interceptors, ErrorsToStatus()], options=SERVER_OPTIONS)


async def _add_services(server: grpc.aio.Server, *servicers: object) -> Any:
    """Serve these, health checking and reflection; returns the health checking."""
    for service, servicer in zip(_SERVICES, servicers, strict=True):
        add_service(server, service, servicer)
    healths = health.aio.HealthServicer()  # type: ignore[attr-defined]  # its stubs do not know it
    add_service(server, health_pb2.DESCRIPTOR.services_by_name["Health"], healths)
    names = [service.full_name for service in _SERVICES]
    for name in ("", *names):
        await healths.set(name, health_pb2.HealthCheckResponse.SERVING)
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    return healths
