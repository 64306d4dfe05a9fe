"""The attestation store: inserts one by one, by many callers and in batches; then the usual questions over many rows.

`BENCH_STORE_ROWS` sets how many (1 000 000); loading them takes a minute. Questions are asked once the store has merged
its index. Each is asked of the store, and its statement alone of a connection: the difference is a thread, and making
attestations of rows.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import accumulate
from pathlib import Path

from tests.bench.measure import Row, row

from qntx.db.sqlite import connect, connect_to_read
from qntx.host.store.base import AttestationStore
from qntx.host.store.claim import Signer
from qntx.host.store.node_key import NodeKey
from qntx.host.store.sqlite import SQLiteStore
from qntx.host.store.sqlite_tables import merge_terms, question
from qntx.model.attestation import Draft, Filter

ROWS = int(os.environ.get("BENCH_STORE_ROWS", "1_000_000"))
SUBJECTS, PREDICATES, CONTEXTS, ACTORS = 200_000, 200, 2000, 50
BATCH = 1000
SINGLES = 300
CALLERS = 200
EACH = 20
ASKED = 100
LIMIT = 50


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-store-") as folder:
        yield from asyncio.run(_inserts(Path(folder)))
        yield from asyncio.run(_questions(Path(folder)))


async def _inserts(folder: Path) -> list[Row]:
    drafts = Drafts()
    measured = []
    signers: dict[str, Signer | None] = {"signed": NodeKey.generate(), "unsigned": None}
    for name, signer in signers.items():
        async with SQLiteStore(folder / f"{name}.db", signer) as store:
            one = [await seconds(store.add(draft)) for draft in drafts.make(SINGLES)]
            measured.append(row(f"one caller, {name}", [1 / taken for taken in one], "inserts/s", note="FULL sync"))
            rate, waits = await by_many(store, drafts)
            measured.append(Row(f"{CALLERS} callers, {name}", rate, "inserts/s", note="group commit"))
            measured.append(row(f"{CALLERS} callers, wait, {name}", waits, "ms"))
            many = [BATCH / await seconds(store.add_many(drafts.make(BATCH))) for _ in range(10)]
            measured.append(row(f"batches of {BATCH}, {name}", many, "inserts/s"))
    return measured


async def by_many(store: AttestationStore, drafts: Drafts) -> tuple[float, list[float]]:
    waits: list[float] = []

    async def caller(own: Sequence[Draft]) -> None:
        for draft in own:
            waits.append(await seconds(store.add(draft)) * 1000)

    work = [caller(drafts.make(EACH)) for _ in range(CALLERS)]
    taken = await seconds(asyncio.gather(*work))
    return CALLERS * EACH / taken, waits


async def _questions(folder: Path) -> list[Row]:
    drafts = Drafts()
    path = folder / "large.db"
    async with SQLiteStore(path, synchronous="OFF") as store:
        taken = [await seconds(store.add_many(drafts.make(BATCH))) for _ in range(ROWS // BATCH)]
        measured = [Row(f"load {ROWS:,} rows", ROWS / sum(taken), "inserts/s", note="unsigned, not synced")]
    async with SQLiteStore(path, NodeKey.generate()) as store:
        many = [BATCH / await seconds(store.add_many(drafts.make(BATCH))) for _ in range(20)]
        measured.append(row(f"batches of {BATCH} on top", many, "inserts/s", note="signed, FULL sync"))
        measured.append(Row("until the index is merged", await seconds(merged(path)), "s", note="nobody attests"))
        measured.append(Row("file", path.stat().st_size / 2**20, "MiB"))
        for name, filters in questions_of_each_shape().items():
            measured += [await asked(store, name, filters), _asked_alone(path, name, filters)]
        return measured


async def merged(path: Path) -> None:
    """Returns once the store has left nothing to merge: a step of it is tried, and undone."""
    with closing(connect(path)) as connection:
        left = True
        while left:
            await asyncio.sleep(0.25)
            connection.execute("BEGIN IMMEDIATE")
            left = merge_terms(connection)
            connection.execute("ROLLBACK")


def _asked_alone(path: Path, name: str, filters: Sequence[Filter]) -> Row:
    connection = connect_to_read(path)
    taken = []
    for wanted in filters:
        statement = question(wanted, None, LIMIT)
        started = time.perf_counter()
        connection.execute(*statement).fetchall()
        taken.append((time.perf_counter() - started) * 1000)
    connection.close()
    return row(f"{name}, SQL alone", taken, "ms", to=name)


def questions_of_each_shape() -> dict[str, list[Filter]]:
    chosen = random.Random(2)
    rare = [f"subject:{chosen.randrange(SUBJECTS // 2, SUBJECTS)}" for _ in range(ASKED)]
    return {
        "rare subject": [Filter(subjects=[subject]) for subject in rare],
        "hot subject": [Filter(subjects=[f"subject:{number % 10}"]) for number in range(ASKED)],
        "frequent predicate and context": [
            Filter(predicates=[f"predicate:{number % 5}"], contexts=[f"context:{number % 7}"])
            for number in range(ASKED)
        ],
        "frequent predicate, rare context": [
            Filter(predicates=["predicate:0"], contexts=[f"context:{CONTEXTS - 1 - number}"]) for number in range(ASKED)
        ],
        "any of 20 subjects": [
            Filter(subjects=[f"subject:{chosen.randrange(SUBJECTS)}" for _ in range(20)]) for _ in range(ASKED)
        ],
        "actor": [Filter(actors=[f"actor:{number % ACTORS}"]) for number in range(ASKED)],
        "newest": [Filter() for _ in range(ASKED)],
    }


async def asked(store: AttestationStore, name: str, filters: Sequence[Filter]) -> Row:
    taken = [await seconds(store.find(wanted, limit=LIMIT)) * 1000 for wanted in filters]
    return row(name, taken, "ms", note=f"newest {LIMIT} of {ROWS:,}")


async def seconds(work: object) -> float:
    started = time.perf_counter()
    await work  # type: ignore[misc]
    return time.perf_counter() - started


class Drafts:
    """About five terms each; few terms are frequent and many rare, as in life."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self._weights = {
            name: list(accumulate(1 / rank for rank in range(1, count + 1)))
            for name, count in (("subject", SUBJECTS), ("predicate", PREDICATES), ("context", CONTEXTS))
        }

    def make(self, count: int) -> list[Draft]:
        subjects, predicates, contexts = (self._terms(name, count) for name in ("subject", "predicate", "context"))
        return [
            Draft(
                subjects=[subject],
                predicates=[predicate],
                contexts=[context, "lab"] if number % 2 else [context],
                actors=[f"actor:{number % ACTORS}"],
                attributes={"value": number, "unit": "mm", "note": "as measured by the usual instrument"},
                source="bench",
            )
            for number, (subject, predicate, context) in enumerate(zip(subjects, predicates, contexts, strict=True))
        ]

    def _terms(self, name: str, count: int) -> list[str]:
        weights = self._weights[name]
        return [f"{name}:{rank}" for rank in self._random.choices(range(len(weights)), cum_weights=weights, k=count)]
