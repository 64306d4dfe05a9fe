"""DomainPluginService: what QNTX asks of every plugin."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qntx.clients.host import Endpoints
from qntx.errors import InvalidRequest
from qntx.plugin import config, glyph, health
from qntx.plugin.audit import SealingHost
from qntx.plugin.executor import Executor
from qntx.plugin.handlers import Handlers
from qntx.plugin.http import Request, Router
from qntx.plugin.ingest import Brought, brought
from qntx.plugin.jobs import Jobs
from qntx.plugin.lifecycle import Lifecycle
from qntx.plugin.packages import Site
from qntx.plugin.routes import Routes
from qntx.plugin.websocket import Conversation
from qntx.protocol import domain_pb2

AUTHOR = "QNTX Contributors"
LICENSE = "MIT"
QNTX_VERSION = ">=0.1.0"

_log = logging.getLogger("qntx.plugin")


class DomainServicer:
    """Answers for one plugin. Initialize may come any number of times; the last one holds."""

    def __init__(
        self,
        executor: Executor,
        handlers: Handlers,
        lifecycle: Lifecycle,
        manifest: Path | None,
        host_authority: Path | None,
        on_initialized: Callable[[], Awaitable[None]],
    ) -> None:
        self._executor = executor
        self._host_authority = host_authority
        self._on_initialized = on_initialized
        self._manifest = manifest
        self._variant = executor.variant
        self._handlers = handlers
        self._lifecycle = lifecycle
        self._configuration = config.configure(self._variant, {})
        self._initialized = False
        self._jobs = Jobs(executor, handlers)
        self._site = Site(executor)
        self._router = Router(Routes(executor, self, self._site).table())

    async def Metadata(self, _request: Any, _context: Any) -> domain_pb2.MetadataResponse:
        return domain_pb2.MetadataResponse(
            name=self._variant.name,
            version=self._variant.version,
            qntx_version=QNTX_VERSION,
            description=self._variant.description,
            author=AUTHOR,
            license=LICENSE,
        )

    async def Initialize(self, request: domain_pb2.InitializeRequest, _context: Any) -> domain_pb2.InitializeResponse:
        self.configure(request.config)
        endpoints = _endpoints(request, self._host_authority)
        self._executor.audit.met(SealingHost(endpoints.ats, endpoints.token))
        self._executor.audit.open()
        self._executor.connect(endpoints)
        # Healthy from here on: the core restarts a plugin that is not, and looking for handlers may take its time.
        self._initialized = True
        found = await self._handlers.discover(default=self._configuration.default_provider)
        await self._on_initialized()
        return domain_pb2.InitializeResponse(
            handler_names=found.handler_names,
            schedules=found.schedules,
            watchers=found.watchers,
            http_routes=[
                domain_pb2.RouteInfo(method=route.method, path=route.path, description=route.description)
                for route in self._router.routes
            ],
            python_provider=True,
        )

    async def Health(self, _request: Any, _context: Any) -> domain_pb2.HealthResponse:
        return domain_pb2.HealthResponse(
            healthy=self._initialized, message=health.message(self._initialized), details=self.health()
        )

    async def ConfigSchema(self, _request: Any, _context: Any) -> domain_pb2.ConfigSchemaResponse:
        fields = config.fields_of(self._variant)
        return domain_pb2.ConfigSchemaResponse(fields={name: _schema(field) for name, field in fields.items()})

    async def RegisterGlyphs(self, _request: Any, _context: Any) -> domain_pb2.GlyphDefResponse:
        return domain_pb2.GlyphDefResponse(glyphs=[glyph.definition(self._variant)])

    async def ExecuteJob(self, request: domain_pb2.ExecuteJobRequest, _context: Any) -> domain_pb2.ExecuteJobResponse:
        return await self._jobs.execute(request)

    async def HandleHTTP(self, request: domain_pb2.HTTPRequest, _context: Any) -> domain_pb2.HTTPResponse:
        response = await self._router.handle(Request.from_proto(request))
        return response.to_proto()

    async def HandleWebSocket(
        self, requests: AsyncIterator[domain_pb2.WebSocketMessage], _context: Any
    ) -> AsyncIterator[domain_pb2.WebSocketMessage]:
        async for message in Conversation(self._executor).messages(requests):
            yield message

    async def Shutdown(self, _request: Any, _context: Any) -> domain_pb2.Empty:
        self._lifecycle.end("Shutdown was called")
        return domain_pb2.Empty()

    @property
    def healthy(self) -> bool:
        return self._initialized

    @property
    def default_modules(self) -> tuple[str, ...]:
        return self._configuration.default_modules

    def health(self) -> dict[str, str]:
        told = health.details(self._executor, self._handlers.health(), self._configuration.faults)
        return {**told, "packages": self._site.fault} if self._site.fault else told

    def handlers(self) -> Sequence[Mapping[str, Any]]:
        return self._handlers.describe()

    def ingest_scripts(self) -> Sequence[Brought]:
        return brought(self._manifest)

    def configure(self, given: Mapping[str, str]) -> None:
        """Serve as these say from now on."""
        configuration = config.configure(self._variant, given)
        for fault in configuration.faults:
            _log.warning("configuration: %s", fault)
        logging.getLogger("qntx").setLevel(logging.DEBUG if configuration.debug else logging.NOTSET)
        self._configuration = configuration
        self._site.use(configuration.site)
        self._executor.configure(configuration.settings)
        self._executor.audit.move(configuration.audit)


def _endpoints(request: domain_pb2.InitializeRequest, authority: Path | None) -> Endpoints:
    return Endpoints(
        token=request.auth_token,
        ats=_address("ats_store_endpoint", request.ats_store_endpoint),
        queue=_address("queue_endpoint", request.queue_endpoint),
        schedule=_address("schedule_endpoint", request.schedule_endpoint),
        fetch=_address("fetch_endpoint", request.fetch_endpoint),
        authority=authority,
    )


def _address(field: str, text: str) -> str:
    """host:port, or https:// and that. gRPC would take other forms too, and look up whatever names they hold."""
    address = text.removeprefix("http://").strip("/ ")
    if address and not address.rpartition(":")[2].isdecimal():
        raise InvalidRequest(field, f"{text!r} is not host:port")
    return address


def _schema(field: config.Field) -> domain_pb2.ConfigFieldSchema:
    return domain_pb2.ConfigFieldSchema(
        type=field.type,
        description=field.description,
        default_value=field.default,
        min_value=field.least,
        max_value=field.most,
        pattern=field.pattern,
    )
