"""An ingest script: code published under the name of the kind of input it takes, each publication a version.

Published, it is one attestation that both documented questions find: subject `script:ingest:{name}`, predicates
`defines` and `handles`, contexts `python` and `{name}-ingestion`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qntx.errors import InvalidRequest
from qntx.model.attestation import Attestation, Draft, Filter

SUBJECT = "script:ingest:"
DEFINES = "defines"
HANDLES = "handles"
SOURCE = "ingest"
"""Who publishes for a person. Only what this source published may have needs: scripts can attest anything but this."""

WITHDRAWN = "withdrawn"
"""The predicate that takes a name out of use; a later publication brings it back as the next version."""

VERSION_MAX = 2**31 - 1

NAME = re.compile(r"[a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class IngestScript:
    """A published version, or one that came with a variant: then it has no id and is version 0."""

    name: str
    code: str
    version: int
    id: str = ""
    language: str = "python"
    glyph: str = ""
    created_by: str = ""
    description: str = ""
    needs: tuple[str, ...] = ()
    """What it may use beyond a plain run: `network`, `subprocess`."""
    created_at_ms: int = 0

    @property
    def came_with_variant(self) -> bool:
        return not self.version


def check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise InvalidRequest("name", f"{name!r} is not lower-case letters, digits and hyphens, such as 'csv'")


def publication(script: IngestScript) -> Draft:
    """The claim that publishes this version."""
    return Draft(
        subjects=[SUBJECT + script.name],
        predicates=[DEFINES, HANDLES],
        contexts=["python", f"{script.name}-ingestion"],
        source=SOURCE,
        attributes={
            "code": script.code,
            "language": script.language,
            "version": script.version,
            "created_by": script.created_by,
            "glyph": script.glyph,
            "description": script.description,
            "needs": list(script.needs),
        },
    )


def withdrawal(name: str, version: int) -> Draft:
    """The claim that takes a name out of use, after that version."""
    return Draft(
        subjects=[SUBJECT + name],
        predicates=[WITHDRAWN],
        contexts=["python", f"{name}-ingestion"],
        source=SOURCE,
        attributes={"version": version},
    )


def publications_of(name: str) -> Filter:
    return Filter(subjects=[SUBJECT + name], predicates=[DEFINES, WITHDRAWN])


ALL_PUBLICATIONS = Filter(predicates=[DEFINES, WITHDRAWN], contexts=["python"])


def name_of(claim: Attestation) -> str:
    """The ingest script it is about; empty where it is about something else."""
    about = next((subject for subject in claim.subjects if subject.startswith(SUBJECT)), "")
    return about.removeprefix(SUBJECT)


def is_withdrawal(claim: Attestation) -> bool:
    return WITHDRAWN in claim.predicates


def version_of(claim: Attestation) -> int:
    """Numbers come back from some stores as floats; a publication that names no version is the first."""
    version = claim.attributes.get("version")
    return int(version) if isinstance(version, int | float) and 1 <= version <= VERSION_MAX else 1


def published(claim: Attestation) -> IngestScript | None:
    """The script that a claim publishes; None where it carries no code."""
    told: Mapping[str, Any] = claim.attributes
    name, code = name_of(claim), told.get("code")
    if is_withdrawal(claim) or not name or not isinstance(code, str):
        return None
    needs = told.get("needs") if claim.source == SOURCE else None
    return IngestScript(
        name=name,
        code=code,
        version=version_of(claim),
        id=claim.id,
        language=_text(told, "language", "python"),
        glyph=_text(told, "glyph"),
        created_by=_text(told, "created_by"),
        description=_text(told, "description"),
        needs=tuple(need for need in needs if isinstance(need, str)) if isinstance(needs, list) else (),
        created_at_ms=claim.created_at_ms,
    )


def newest(claims: Iterable[Attestation]) -> IngestScript | None:
    """The script in use, of claims about one name taken newest first; None where its name was withdrawn."""
    for claim in claims:
        if is_withdrawal(claim):
            return None
        if (script := published(claim)) is not None:
            return script
    return None


class Shelf:
    """The newest script of each name that is in use, from claims about any names taken newest first."""

    def __init__(self, bundled: Iterable[IngestScript] = ()) -> None:
        self._scripts = {script.name: script for script in bundled}
        self._settled: set[str] = set()

    def take(self, claim: Attestation) -> None:
        name = name_of(claim)
        if not name or name in self._settled:
            return
        script = published(claim)
        if script is not None:
            self._scripts[name] = script
        if script is not None or is_withdrawal(claim):
            self._settled.add(name)

    def by_name(self) -> list[IngestScript]:
        return [self._scripts[name] for name in sorted(self._scripts)]


def _text(told: Mapping[str, Any], key: str, default: str = "") -> str:
    value = told.get(key)
    return value if isinstance(value, str) else default
