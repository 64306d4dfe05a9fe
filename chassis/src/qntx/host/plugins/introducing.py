"""What a plugin is told by Initialize: where this host's services are, the token for them, and its configuration."""

from __future__ import annotations

from dataclasses import dataclass

from qntx.host.config import Config
from qntx.host.home import Home
from qntx.host.plugins.kept import settings
from qntx.host.services.server import ServiceServer
from qntx.model.attached import Address
from qntx.protocol import domain_pb2
from qntx.wire.caller import host_name


@dataclass(frozen=True, slots=True)
class Introduction:
    """The same for every plugin, but for its own section of the configuration and for where it runs."""

    config: Config
    home: Home
    services: ServiceServer
    token: str
    node: str
    queue: bool
    """Whether there is one: a host that serves a single command has none."""

    @property
    def host(self) -> str:
        """What attached plugins know this host by."""
        return host_name(self.token)

    def request(self, plugin: str, address: Address | None) -> domain_pb2.InitializeRequest:
        """`address` is where an attached plugin is; None for one that this host started."""
        services = self.services
        endpoint = services.endpoint if address is None else services.endpoint_for(plugin, address)
        return domain_pb2.InitializeRequest(
            ats_store_endpoint=endpoint,
            fetch_endpoint=endpoint,
            queue_endpoint=endpoint if self.queue else "",
            schedule_endpoint=endpoint if self.queue else "",
            auth_token=self.token,
            config=self._ours() | settings(plugin, self.config, self.home) | self._told(plugin, address),
        )

    def _ours(self) -> dict[str, str]:
        """What the plugin's own section may say otherwise."""
        host = self.config.host
        scheduler = {"dask_scheduler": host.dask_scheduler} if host.dask_scheduler else {}
        durable = {"audit_durable": host.audit_durable} if host.audit_durable == "power" else {}
        return scheduler | durable

    def _told(self, plugin: str, address: Address | None) -> dict[str, str]:
        """One that runs elsewhere keeps its records where it runs, and knows best what that machine is called."""
        told = {} if address is not None else self._records()
        # Handlers published for `python` belong to whoever runs plain `py`.
        return told | ({"default_provider": "true"} if plugin == self.config.host.default_provider else {})

    def _records(self) -> dict[str, str]:
        if self.config.host.database:
            return {"capsules": str(self.home.shared_runs), "sealed_by": "host", "node": self.node}
        return {"capsules": str(self.home.capsules), "node": self.node}
