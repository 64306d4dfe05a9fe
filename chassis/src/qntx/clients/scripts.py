"""Ingest scripts: published as attestations, found by name, each publication a version."""

from __future__ import annotations

import json
import re
from typing import Any

from qntx.clients.ats import AttestationClient, Provenance
from qntx.errors import InvalidRequest
from qntx.model.attestation import Attestation, Filter

SUBJECT = "script:ingest:"
DEFINES = "defines"

_NAME = re.compile(r"[a-z0-9-]+")


class ScriptClient:
    """Publishes ingest scripts to one attestation store and finds them there."""

    def __init__(self, ats: AttestationClient) -> None:
        self._ats = ats

    async def publish(self, name: str, attributes: dict[str, Any], provenance: Provenance) -> dict[str, Any]:
        """Make this the next version of the name; its id, name and version."""
        if not _NAME.fullmatch(name):
            raise InvalidRequest("name", f"{name!r} is not lower-case letters, digits and hyphens")
        newest = await self._newest(name)
        version = 1 + (_version(newest) if newest else 0)
        draft = {
            "subjects": [SUBJECT + name],
            "predicates": [DEFINES, "handles"],
            "contexts": ["python", f"{name}-ingestion"],
            "attributes": {**attributes, "version": version},
        }
        stored = await self._ats.attest([json.dumps(draft, ensure_ascii=False).encode()], provenance)
        return {"id": stored[0][0], "name": name, "version": version}

    async def get(self, name: str, version: int | None) -> dict[str, Any] | None:
        found = await self._newest(name) if version is None else await self._of_version(name, version)
        return _script(found, name) if found else None

    async def newest(self) -> list[dict[str, Any]]:
        """The newest version of each, without its code."""
        newest: dict[str, Attestation] = {}
        async for published in self._ats.stream(Filter(predicates=[DEFINES], contexts=["python"])):
            for subject in published.subjects:
                if subject.startswith(SUBJECT) and "code" in published.attributes:
                    newest.setdefault(subject.removeprefix(SUBJECT), published)
        scripts = [_script(published, name) for name, published in sorted(newest.items())]
        return [{key: value for key, value in script.items() if key != "code"} for script in scripts]

    async def _newest(self, name: str) -> Attestation | None:
        return next((each for each in await self._versions(name, limit=8) if "code" in each.attributes), None)

    async def _of_version(self, name: str, version: int) -> Attestation | None:
        return next((each for each in await self._versions(name) if _version(each) == version), None)

    async def _versions(self, name: str, limit: int | None = None) -> list[Attestation]:
        return await self._ats.find(Filter(subjects=[SUBJECT + name], predicates=[DEFINES]), limit)


def _version(published: Attestation) -> int:
    version = published.attributes.get("version")
    return version if isinstance(version, int) else 1


def _script(published: Attestation, name: str) -> dict[str, Any]:
    told = published.attributes
    return {
        "id": published.id,
        "name": name,
        "code": told.get("code", ""),
        "version": _version(published),
        "language": told.get("language", "python"),
        "glyph": told.get("glyph", ""),
        "created_by": told.get("created_by", ""),
        "created_at": published.created_at_ms,
    }
