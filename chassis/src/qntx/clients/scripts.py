"""Ingest scripts, as other scripts publish and find them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from qntx.clients.ats import AttestationClient, Provenance
from qntx.model import ingest
from qntx.model.ingest import IngestScript

LOOKED_AT = 8


class ScriptClient:
    """Publishes ingest scripts to one attestation store and finds them there."""

    def __init__(self, ats: AttestationClient) -> None:
        self._ats = ats

    async def publish(self, script: IngestScript, provenance: Provenance) -> dict[str, Any]:
        """Make this the next version of its name, whatever version it says it is; its id, name and version."""
        ingest.check_name(script.name)
        version = 1 + max((known.version for known in await self._versions(script.name, LOOKED_AT)), default=0)
        claim = ingest.publication(replace(script, version=version))
        draft = {
            "subjects": claim.subjects,
            "predicates": claim.predicates,
            "contexts": claim.contexts,
            "attributes": claim.attributes,
        }
        stored = await self._ats.attest([json.dumps(draft, ensure_ascii=False).encode()], provenance)
        return {"id": stored[0][0], "name": script.name, "version": version}

    async def get(self, name: str, version: int | None) -> dict[str, Any] | None:
        """The newest that is in use, or that version, withdrawn or not."""
        if version is None:
            found = ingest.newest(await self._ats.find(ingest.publications_of(name), LOOKED_AT))
        else:
            found = next((known for known in await self._versions(name) if known.version == version), None)
        return None if found is None else {**_told(found), "code": found.code}

    async def newest(self) -> list[dict[str, Any]]:
        """The newest version of each that is in use, without its code."""
        shelf = ingest.Shelf()
        async for claim in self._ats.stream(ingest.ALL_PUBLICATIONS):
            shelf.take(claim)
        return [_told(script) for script in shelf.by_name()]

    async def _versions(self, name: str, limit: int | None = None) -> list[IngestScript]:
        claims = await self._ats.find(ingest.publications_of(name), limit)
        return [script for script in map(ingest.published, claims) if script is not None and script.name == name]


def _told(script: IngestScript) -> dict[str, Any]:
    return {
        "id": script.id,
        "name": script.name,
        "version": script.version,
        "language": script.language,
        "glyph": script.glyph,
        "created_by": script.created_by,
        "created_at": script.created_at_ms,
    }
