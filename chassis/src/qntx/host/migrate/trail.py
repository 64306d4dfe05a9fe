"""The audit trail on its way from its file to a database: every record as it is, at its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from qntx.capsules import Capsules, ChainVerificationResult, Level
from qntx.capsules.record import Record
from qntx.capsules.recorder import Recorder
from qntx.capsules.storage.appender import HEAD
from qntx.capsules.storage.postgres import PostgresCapsuleStorage
from qntx.errors import Refused

PAGE = 500


class _Domain(msgspec.Struct):
    domain: str = ""


async def settle(source: Capsules) -> None:
    """Seal what a host that died has left open, so that it is on the trail that is copied."""
    recorder = Recorder(source)
    try:
        for future in await asyncio.to_thread(recorder.recover):
            await asyncio.wrap_future(future)
    finally:
        await asyncio.to_thread(recorder.close)


async def copy(source: Capsules, target: PostgresCapsuleStorage, told: Callable[[int], None]) -> None:
    """Go on where an earlier copying ended, then take over what is kept of the chain beside its records."""
    storage = source.chain.storage
    there = (await target.head()).size
    if list(await target.hashes(there - 1, there)) != list(await storage.hashes(there - 1, there)):
        raise Refused("the database has an audit trail of its own, and two cannot be made one")
    told(there)
    while records := await storage.page(there - 1, PAGE):
        await target.restore([_with_domain(record) for record in records])
        there += len(records)
        told(there)
    await target.remember(HEAD, (await storage.head()).dumps())


async def verified(capsules: Capsules) -> ChainVerificationResult:
    """Places, links, content and signatures of the whole chain."""
    return await capsules.chain.verify(level=Level.SIGNATURES)


def _with_domain(record: Record) -> Record:
    """A file keeps the domain in the record's text alone; the database has a column for it."""
    try:
        return record._replace(domain=msgspec.json.decode(record.data, type=_Domain).domain)
    except msgspec.DecodeError:
        # Whatever is wrong with the record, it is taken along as it is; verification says it.
        return record
