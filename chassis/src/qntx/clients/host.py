"""Everything a plugin calls on its host, as one Initialize told it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from qntx.clients import fetch
from qntx.clients.ats import AttestationClient
from qntx.clients.channel import Service
from qntx.clients.fetch import FetchClient
from qntx.clients.jobs import JobClient
from qntx.clients.schedules import ScheduleClient
from qntx.clients.scripts import ScriptClient


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the host's services are, without a scheme; empty where one is not running."""

    token: str = ""
    ats: str = ""
    queue: str = ""
    schedule: str = ""
    fetch: str = ""


class HostClients:
    """One client for each service. Nothing is connected until it is called."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.ats = AttestationClient(Service(endpoints.ats, endpoints.token))
        self.scripts = ScriptClient(self.ats)
        self.jobs = JobClient(Service(endpoints.queue, endpoints.token))
        self.schedules = ScheduleClient(Service(endpoints.schedule, endpoints.token))
        self.fetch = FetchClient(Service(endpoints.fetch, endpoints.token, timeout_seconds=fetch.TIMEOUT_SECONDS))

    async def aclose(self) -> None:
        await asyncio.gather(self.ats.aclose(), self.jobs.aclose(), self.schedules.aclose(), self.fetch.aclose())
