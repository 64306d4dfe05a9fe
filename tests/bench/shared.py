"""Attestations in a SQLite file beside PostgreSQL, both with their default durability: inserts, questions, the cursor.

`BENCH_SHARED_ROWS` sets how many rows the questions are put to (100 000).
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from tests.bench.measure import Row, row
from tests.bench.store import BATCH, CALLERS, LIMIT, SINGLES, Drafts, asked, by_many, questions_of_each_shape, seconds
from tests.postgres import MISSING, PostgresServer, programs

from qntx.db.postgres_database import Database
from qntx.host.store.base import AttestationStore
from qntx.host.store.node_key import NodeKey
from qntx.host.store.postgres import PostgresStore
from qntx.host.store.sqlite import SQLiteStore

ROWS = int(os.environ.get("BENCH_SHARED_ROWS", "100_000"))
SHAPES = (
    "rare subject",
    "frequent predicate and context",
    "frequent predicate, rare context",
    "any of 20 subjects",
    "newest",
)
PAGE = 1000
HEARD = 100
FILE, SERVER = "SQLite", "PostgreSQL"

Stores = dict[str, AttestationStore]


def rows() -> Iterator[Row]:
    if programs() is None:
        print(MISSING)
        return
    server = PostgresServer.make()
    server.start()
    try:
        with tempfile.TemporaryDirectory(prefix="bench-shared-") as folder:
            yield from asyncio.run(_measured(Path(folder), server))
    finally:
        server.stop()
        server.remove()


async def _measured(folder: Path, server: PostgresServer) -> list[Row]:
    signer = NodeKey.generate()
    async with AsyncExitStack() as stack:
        url = stack.enter_context(server.database())
        database = await stack.enter_async_context(Database(url))
        stores: Stores = {
            FILE: await stack.enter_async_context(SQLiteStore(folder / "attestations.db", signer)),
            SERVER: await stack.enter_async_context(PostgresStore(database, signer)),
        }
        measured = [*await _inserts(stores), *await _loaded(stores)]
        await database.write(lambda connection: connection.execute("ANALYZE qntx.attestation, qntx.post, qntx.term"))
        measured += await _questions(stores)
        measured += await _followed(stores)
        return [*measured, await _heard(stores[SERVER], url)]


async def _inserts(stores: Stores) -> list[Row]:
    singles, many, batches = [], [], []
    for name, store in stores.items():
        drafts = Drafts()
        taken = [1 / await seconds(store.add(draft)) for draft in drafts.make(SINGLES)]
        singles.append(_beside("one caller", name, taken, "inserts/s"))
        rate, waits = await by_many(store, drafts)
        many.append(_beside(f"{CALLERS} callers", name, [rate], "inserts/s"))
        many.append(_beside(f"{CALLERS} callers, wait", name, waits, "ms"))
        rates = [BATCH / await seconds(store.add_many(drafts.make(BATCH))) for _ in range(10)]
        batches.append(_beside(f"batches of {BATCH}", name, rates, "inserts/s"))
    return [*singles, *many[::2], *many[1::2], *batches]


async def _loaded(stores: Stores) -> list[Row]:
    loaded = []
    for name, store in stores.items():
        drafts = Drafts()
        started = time.perf_counter()
        for _ in range(ROWS // BATCH):
            await store.add_many(drafts.make(BATCH))
        loaded.append(_beside(f"load {ROWS:,} rows", name, [ROWS / (time.perf_counter() - started)], "inserts/s"))
    return loaded


async def _questions(stores: Stores) -> list[Row]:
    filters = questions_of_each_shape()
    answered = []
    for shape in SHAPES:
        for name, store in stores.items():
            found = await asked(store, f"{shape}, {name}", filters[shape])
            base = f"{shape}, {FILE}" if name != FILE else ""
            answered.append(Row(found.name, found.value, found.unit, found.p99, base, f"newest {LIMIT} of {ROWS:,}"))
    return answered


async def _followed(stores: Stores) -> list[Row]:
    """A cursor read from the first arrival to the last."""
    followed = []
    for name, store in stores.items():
        position = 0
        started = time.perf_counter()
        while page := await store.after(position, limit=PAGE):
            position = page[-1][0]
        rate = position / (time.perf_counter() - started)
        followed.append(_beside("cursor", name, [rate], "attestations/s", f"pages of {PAGE}"))
    return followed


async def _heard(store: AttestationStore, url: str) -> Row:
    """From the call that attests to another host's waking."""
    drafts = Drafts()
    async with Database(url) as other, PostgresStore(other) as listener:
        taken = []
        for draft in drafts.make(HEARD):
            woken = asyncio.create_task(listener.arrived(await listener.position()))
            await asyncio.sleep(0.01)
            started = time.perf_counter()
            await store.add(draft)
            await woken
            taken.append((time.perf_counter() - started) * 1000)
    return row(f"attested here, heard on another host, {SERVER}", taken, "ms")


def _beside(what: str, name: str, samples: list[float], unit: str, note: str = "") -> Row:
    return row(f"{what}, {name}", samples, unit, to=f"{what}, {FILE}" if name != FILE else "", note=note)
