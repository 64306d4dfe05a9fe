"""Everything a plugin calls on its host, as one Initialize told it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from qntx.clients import fetch
from qntx.clients.ats import AttestationClient
from qntx.clients.channel import Service
from qntx.clients.fetch import FetchClient
from qntx.clients.jobs import JobClient
from qntx.clients.schedules import ScheduleClient
from qntx.clients.scripts import ScriptClient


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the host's services are, with a scheme only where that is https; empty where one is not running."""

    token: str = ""
    ats: str = ""
    queue: str = ""
    schedule: str = ""
    fetch: str = ""
    authority: Path | None = None
    """Who signed the host's certificate, where it is none of the system's authorities."""


class HostClients:
    """One client for each service. Nothing is connected until it is called."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        service = partial(Service, token=endpoints.token, authority=endpoints.authority)
        self.ats = AttestationClient(service(endpoints.ats))
        self.scripts = ScriptClient(self.ats)
        self.jobs = JobClient(service(endpoints.queue))
        self.schedules = ScheduleClient(service(endpoints.schedule))
        self.fetch = FetchClient(service(endpoints.fetch, timeout_seconds=fetch.TIMEOUT_SECONDS))

    async def aclose(self) -> None:
        await asyncio.gather(self.ats.aclose(), self.jobs.aclose(), self.schedules.aclose(), self.fetch.aclose())
