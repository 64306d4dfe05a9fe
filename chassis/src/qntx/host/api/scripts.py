"""Ingest scripts and `ix`: publish, versions, statistics, and the line that runs one."""

from __future__ import annotations

import statistics as st
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from qntx.errors import InvalidRequest
from qntx.host.api.access import caller_of
from qntx.host.api.errors import RESPONSES, Body
from qntx.host.api.pulse import JobRecord, job_record
from qntx.host.ix.parser import parse_line, parse_words
from qntx.host.ix.router import Router
from qntx.host.ix.scripts import Scripts
from qntx.host.ix.sharing import exported, opened
from qntx.host.pulse.api import JobFilter, Jobs
from qntx.host.services.schedules import rfc3339
from qntx.host.store.node_key import NodeKey
from qntx.model.ingest import IngestScript
from qntx.model.job import ENDED, JobState, Retry

RUNS_COUNTED_MAX = 1000


class PublishBody(Body):
    name: str = Field(description="Lower-case letters, digits and hyphens: what is typed after `ix`.")
    code: str
    language: str = "python"
    glyph: str = Field(default="", description="Which provider runs it: `py`, `py:bio`, …")
    created_by: str = ""
    description: str = ""
    needs: list[str] = Field(default_factory=list, description="`network` and `subprocess`, where it needs them.")


class Published(BaseModel):
    id: str
    name: str
    version: int


class ImportBody(Body):
    file: dict[str, Any] = Field(description="What `GET /api/scripts/{name}/export` answered, here or elsewhere.")
    allow: list[str] = Field(default_factory=list, description="Those of the script's needs that you agree to.")
    signer: str = Field(default="", description="Refuse it unless this did:key signed it.")


class Imported(Published):
    signer_did: str


class ScriptRecord(BaseModel):
    id: str
    name: str
    code: str
    version: int
    language: str
    glyph: str
    created_by: str
    description: str
    needs: list[str]
    created_at: str


class Statistics(BaseModel):
    """Of its latest runs; those that were cancelled are neither success nor failure."""

    runs: int
    succeeded: int
    failed: int
    success_rate: float | None
    duration_ms_p50: float | None
    last_run_at: str
    last_error: str


class IxBody(Body):
    """One of `line`, as it is typed; `words`, the same without `ix` and split; or `type` with `input` or `inputs`."""

    line: str = ""
    words: list[str] = Field(default_factory=list)
    type: str = ""
    input: str = ""
    inputs: list[str] = Field(default_factory=list)
    version: int | None = Field(default=None, ge=1)
    code: str = Field(default="", description="To be tried in place of what is published; none of its runs.")
    retries: int = Field(default=0, ge=0, le=100)


def router(scripts: Scripts, ix: Router, jobs: Jobs, key: NodeKey) -> APIRouter:
    routes = APIRouter(tags=["ingest"], responses=RESPONSES)

    @routes.post("/api/scripts/publish", status_code=201)
    async def publish(body: PublishBody) -> Published:
        """Keep it as the next version of its name; `ix NAME …` runs it from now on."""
        script = await scripts.publish(
            IngestScript(
                body.name,
                body.code,
                0,
                language=body.language,
                glyph=body.glyph,
                created_by=body.created_by or "api",
                description=body.description,
                needs=tuple(body.needs),
            )
        )
        return Published(id=script.id, name=script.name, version=script.version)

    @routes.get("/api/scripts")
    async def list_scripts() -> list[ScriptRecord]:
        """The newest of each name, those that came with a variant as version 0."""
        return [_record(script) for script in await scripts.list()]

    @routes.get("/api/scripts/{name}")
    async def show(name: str, version: Annotated[int | None, Query(ge=1)] = None) -> ScriptRecord:
        return _record(await scripts.get(name, version))

    @routes.get("/api/scripts/{name}/versions")
    async def versions(name: str) -> list[ScriptRecord]:
        """Newest first."""
        await scripts.get(name)
        return [_record(script) for script in await scripts.versions(name)]

    @routes.get("/api/scripts/{name}/statistics")
    async def statistics(name: str) -> Statistics:
        await scripts.get(name)
        return await _statistics(name, jobs)

    @routes.delete("/api/scripts/{name}", status_code=204)
    async def delete(name: str) -> None:
        """Take the name out of use. Its versions stay in the record."""
        await scripts.withdraw(name)

    @routes.post("/api/ix", status_code=202, response_model=JobRecord)
    async def ingest(body: IxBody, request: Request) -> dict[str, Any]:
        """Queue one ingestion; while one of the same input is active, that one is answered, unless code is tried."""
        draft = await ix.resolve(_command(body), body.version, body.code)
        asked = replace(draft, retry=Retry(body.retries), principal=caller_of(request).name)
        return job_record(await jobs.enqueue(asked, once_per_source=not body.code))

    _add_sharing(routes, scripts, key)
    return routes


def _add_sharing(routes: APIRouter, scripts: Scripts, key: NodeKey) -> None:
    @routes.get("/api/scripts/{name}/export")
    async def export(name: str, version: Annotated[int | None, Query(ge=1)] = None) -> dict[str, Any]:
        """The script as a file that this node has signed."""
        return exported(await scripts.get(name, version), key)

    @routes.post("/api/scripts/import", status_code=201)
    async def import_(body: ImportBody) -> Imported:
        """Publish an exported script here, as the next version of its name. Refused where it was tampered with."""
        script, signer = opened(body.file)
        _check_import(body, script, signer)
        kept = await scripts.publish(replace(script, created_by=signer))
        return Imported(id=kept.id, name=kept.name, version=kept.version, signer_did=signer)


def _command(body: IxBody) -> Any:
    if sum(map(bool, (body.line, body.words, body.type))) != 1:
        raise InvalidRequest("line", "send one of `line`, such as 'ix csv data.csv', `words`, or `type` with `input`")
    if body.line:
        return parse_line(body.line)
    if body.words:
        return parse_words(body.words)
    if body.input and body.inputs:
        raise InvalidRequest("input", "send `input` or `inputs`, not both")
    return parse_words([body.type, "--", *(body.inputs or ([body.input] if body.input else []))])


def _check_import(body: ImportBody, script: IngestScript, signer: str) -> None:
    if body.signer and body.signer != signer:
        raise InvalidRequest("signer", f"the file was signed by {signer}, not by {body.signer}")
    if refused := sorted(set(script.needs) - set(body.allow)):
        needed = " and ".join(refused)
        raise InvalidRequest("allow", f"the script needs {needed}; read its code, then allow that to import it")


async def _statistics(name: str, jobs: Jobs) -> Statistics:
    runs = await jobs.find(JobFilter(states=ENDED, ingested_by=name), limit=RUNS_COUNTED_MAX)
    succeeded = [job for job in runs if job.state is JobState.COMPLETED]
    failed = sum(job.state is JobState.FAILED for job in runs)
    durations = [job.ended_at_ms - job.started_at_ms for job in succeeded]
    return Statistics(
        runs=len(runs),
        succeeded=len(succeeded),
        failed=failed,
        success_rate=len(succeeded) / (len(succeeded) + failed) if succeeded or failed else None,
        duration_ms_p50=st.median(durations) if durations else None,
        last_run_at=rfc3339(runs[0].ended_at_ms) if runs else "",
        last_error=next((job.error for job in runs if job.error), ""),
    )


def _record(script: IngestScript) -> ScriptRecord:
    return ScriptRecord(
        id=script.id,
        name=script.name,
        code=script.code,
        version=script.version,
        language=script.language,
        glyph=script.glyph,
        created_by=script.created_by,
        description=script.description,
        needs=list(script.needs),
        created_at=rfc3339(script.created_at_ms),
    )
