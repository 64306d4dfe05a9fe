"""What a script's calls reach: the host's services, asked in the name of who runs.

Each call of `qntx.script.calls` is a method here of the same name. Arguments come from hostile code and are checked
against that table before anything else; what is refused names the call, so that a script's author sees which.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from itertools import islice
from typing import Any

from qntx.clients.ats import Provenance, Stored
from qntx.clients.host import HostClients
from qntx.errors import ChassisError, InvalidRequest, Refused
from qntx.model.attestation import Attestation, Filter
from qntx.model.execution import Execution
from qntx.model.ingest import IngestScript
from qntx.model.variant import Variant
from qntx.script.calls import checked
from qntx.wire.attestation import attestation_to_json

CURSORS_MAX = 16
PAGE_MAX = 5_000


class ScriptHome:
    """One run's line to its host."""

    def __init__(self, host: HostClients, variant: Variant, execution: Execution) -> None:
        self._host = host
        self._variant = variant
        self._job_id = execution.job_id
        self._principal = execution.principal
        self._provenance = Provenance(
            source_version=variant.version, handler=execution.handler, glyph_id=execution.glyph_id
        )
        self._open: dict[str, AsyncGenerator[Attestation, None]] = {}
        self.calls = 0
        """How many were made, beside attesting."""

    async def attest(self, drafts: Sequence[bytes]) -> Sequence[Stored]:
        try:
            return await self._host.ats.attest(drafts, self._provenance)
        except ChassisError as refusal:
            raise Refused(f"attest: {refusal}") from refusal

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        self.calls += 1
        try:
            known = checked(name, arguments)
            return await getattr(self, f"_{name}")(**known)
        except ChassisError as refusal:
            raise Refused(f"{name}: {refusal}") from refusal

    async def aclose(self) -> None:
        for rows in self._open.values():
            await rows.aclose()
        self._open.clear()

    async def _attestations(
        self, *, since: int | None, until: int | None, limit: int | None, page: int, cursor: str | None, **terms: Any
    ) -> dict[str, Any]:
        """A page. What follows stays on the wire until it is asked for, so that no question is too large."""
        if not 0 < page <= PAGE_MAX:
            raise InvalidRequest("page", f"{page} is not between 1 and {PAGE_MAX}")
        rows = self._rows(cursor, Filter(**terms, since_ms=since, until_ms=until), limit)
        taken = [attestation_to_json(row) async for row in _first(rows, page)]
        if len(taken) < page:
            await rows.aclose()
            return {"rows": taken, "next": None}
        return {"rows": taken, "next": await self._keep(rows)}

    def _rows(self, cursor: str | None, wanted: Filter, limit: int | None) -> AsyncGenerator[Attestation, None]:
        if cursor is None:
            return self._host.ats.stream(wanted, limit)
        try:
            return self._open.pop(cursor)
        except KeyError:
            raise InvalidRequest("cursor", f"at most {CURSORS_MAX} questions stay open; ask this one again") from None

    async def _keep(self, rows: AsyncGenerator[Attestation, None]) -> str:
        for forgotten in list(islice(self._open, max(0, len(self._open) - CURSORS_MAX + 1))):
            await self._open.pop(forgotten).aclose()
        cursor = secrets.token_hex(8)
        self._open[cursor] = rows
        return cursor

    async def _last(self, **terms: Any) -> dict[str, Any] | None:
        found = await self._host.ats.find(Filter(**terms), limit=1)
        return attestation_to_json(found[0]) if found else None

    async def _fetch(self, url: str, **how: Any) -> dict[str, Any]:
        return await self._host.fetch.fetch(url, **how)

    async def _schedule(self, handler: str, every_seconds: int, payload: Any, description: str) -> str:
        metadata = {"plugin": self._variant.name, "description": description}
        return await self._host.schedules.create(
            self._registered(handler), every_seconds, payload, metadata, principal=self._principal
        )

    async def _pause_schedule(self, schedule_id: str) -> None:
        await self._host.schedules.pause(schedule_id)

    async def _resume_schedule(self, schedule_id: str) -> None:
        await self._host.schedules.resume(schedule_id)

    async def _delete_schedule(self, schedule_id: str) -> None:
        await self._host.schedules.delete(schedule_id)

    async def _enqueue(self, handler: str, payload: Any, source: str) -> str:
        registered = self._registered(handler)
        return await self._host.jobs.enqueue(
            registered, payload, source=source, parent_job_id=self._job_id, principal=self._principal
        )

    async def _publish_as_ingest(
        self, name: str, code: str, language: str, glyph: str, created_by: str, description: str
    ) -> dict[str, Any]:
        script = IngestScript(
            name,
            code,
            0,
            language=language,
            glyph=glyph or self._variant.glyph,
            created_by=created_by or self._provenance.handler or self._provenance.actor or self._variant.name,
            description=description,
        )
        provenance = Provenance(self._variant.version, glyph_id=self._provenance.glyph_id)
        return await self._host.scripts.publish(script, provenance)

    async def _get_ingest_script(self, name: str, version: int | None) -> dict[str, Any] | None:
        return await self._host.scripts.get(name, version)

    async def _list_ingest_scripts(self) -> list[dict[str, Any]]:
        return await self._host.scripts.newest()

    def _registered(self, handler: str) -> str:
        """The name the host has registered: `vacancies` is `python/python.vacancies`, `data/…` stays as it is."""
        if "/" in handler:
            return handler
        name = self._variant.name
        return f"{name}/{handler}" if handler.startswith(f"{name}.") else f"{name}/{name}.{handler}"


async def _first(rows: AsyncGenerator[Attestation, None], count: int) -> AsyncGenerator[Attestation, None]:
    for _ in range(count):
        try:
            yield await anext(rows)
        except StopAsyncIteration:
            return
