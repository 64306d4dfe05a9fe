"""The ingest scripts there are: published in the attestation store, or brought along by a variant.

A published one wins over a bundled one of its name.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from qntx.errors import InvalidRequest, NotFound
from qntx.host.store.base import AttestationStore
from qntx.model import ingest
from qntx.model.ingest import IngestScript

CODE_BYTES_MAX = 512 * 1024
LANGUAGE = "python"
NEEDS = ("network", "subprocess")
LOOKED_AT = 8
"""Of the newest claims about a name: what a bounded store folded together carries no code and is passed over."""

Bundled = Callable[[], Awaitable[Iterable[IngestScript]]]


class Scripts:
    """`bundled` asks the running plugins what they brought along."""

    def __init__(self, store: AttestationStore, bundled: Bundled) -> None:
        self._store = store
        self._bundled = bundled
        self._publishing = asyncio.Lock()

    async def publish(self, script: IngestScript) -> IngestScript:
        """Keep it as the next version of its name, whatever version it says it is."""
        ingest.check_name(script.name)
        _check(script)
        async with self._publishing:
            version = 1 + max((claimed.version for claimed in await self.versions(script.name)), default=0)
            numbered = replace(script, version=version)
            kept = await self._store.add(ingest.publication(numbered))
        return replace(numbered, id=kept.id, created_at_ms=kept.created_at_ms)

    async def withdraw(self, name: str) -> None:
        """Take a published name out of use. Raises NotFound."""
        current = await self.get(name)
        if not current.id:
            raise InvalidRequest("name", f"{name!r} came with a variant and cannot be deleted; publish one over it")
        await self._store.add(ingest.withdrawal(name, current.version))

    async def get(self, name: str, version: int | None = None) -> IngestScript:
        """The newest, or that version, withdrawn or not. Raises NotFound."""
        found = await (self._newest(name) if version is None else self._of_version(name, version))
        if found is None:
            what = f"ingest script {name!r}" if version is None else f"version {version} of ingest script {name!r}"
            raise NotFound(f"no {what}")
        return found

    async def versions(self, name: str) -> list[IngestScript]:
        """Every published version, newest first."""
        claims = await self._store.find(ingest.publications_of(name))
        return [script for script in map(ingest.published, claims) if script is not None and script.name == name]

    async def list(self) -> list[IngestScript]:
        """The newest of each name that is in use, by name."""
        shelf = ingest.Shelf(await self._bundled())
        async for claim in self._store.stream(ingest.ALL_PUBLICATIONS):
            shelf.take(claim)
        return shelf.by_name()

    async def _newest(self, name: str) -> IngestScript | None:
        published = ingest.newest(await self._store.find(ingest.publications_of(name), limit=LOOKED_AT))
        if published is not None:
            return published
        return next((script for script in await self._bundled() if script.name == name), None)

    async def _of_version(self, name: str, version: int) -> IngestScript | None:
        return next((script for script in await self.versions(name) if script.version == version), None)


def _check(script: IngestScript) -> None:
    for need in script.needs:
        if need not in NEEDS:
            raise InvalidRequest("needs", f"{need!r} cannot be granted; what can is {' and '.join(NEEDS)}")
    if script.language != LANGUAGE:
        raise InvalidRequest("language", f"{script.language!r} is not run here; only {LANGUAGE!r} is")
    if not script.code.strip():
        raise InvalidRequest("code", "is empty; publish a script that defines execute(payload)")
    if (size := len(script.code.encode())) > CODE_BYTES_MAX:
        raise InvalidRequest("code", f"is {size} bytes; the limit is {CODE_BYTES_MAX}")
    try:
        ast.parse(script.code, f"{script.name}.py")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as fault:
        raise InvalidRequest("code", f"is not Python: {fault}") from fault
