"""Ingest scripts: published under a type, found by `ix TYPE`."""

from __future__ import annotations

import re
from typing import Any, cast

from qntx.script.arguments import named
from qntx.script.calls import ask
from qntx.script.context import current
from qntx.script.records import Record, record

_NAME = re.compile(r"[a-z0-9-]+")


def publish_as_ingest(
    name: str,
    code: str | None = None,
    *,
    language: str = "python",
    glyph: str = "",
    created_by: str = "",
    description: str = "",
) -> Record:
    """Publish a script as what `ix NAME …` runs; without `code`, this script. Returns id, name and version.

    Its `execute(payload)` will be called. Publishing a name again makes its next version. `glyph` says which provider
    runs it, by default the one that publishes.
    """
    _check("publish_as_ingest", name)
    source = current("publish_as_ingest").source if code is None else code
    answer = ask(
        "publish_as_ingest",
        name=name,
        code=named("publish_as_ingest", "code", source),
        language=language,
        glyph=glyph,
        created_by=created_by,
        description=description,
    )
    return cast(Record, record(answer))


def get_ingest_script(name: str, version: int | None = None) -> Record | None:
    """The published script of that name, its newest version unless another is asked for; None where there is none."""
    _check("get_ingest_script", name)
    return cast("Record | None", record(ask("get_ingest_script", name=name, version=version)))


def list_ingest_scripts() -> list[Record]:
    """Every published script's newest version, without its code."""
    return cast("list[Record]", record(ask("list_ingest_scripts")))


def _check(call: str, name: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{call}: {name!r} is not a script's name; use lower-case letters, digits and hyphens")
