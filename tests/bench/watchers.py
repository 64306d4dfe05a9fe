"""Watchers: how many attestations a second are compared with 10 000 of them."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from tests.bench.measure import Row, row

from qntx.host.watchers.matching import Index
from qntx.model.attestation import Attestation, Filter
from qntx.model.watcher import Action, Watcher

WATCHERS = 10_000
CLAIMS = 20_000
ROUNDS = 5


def rows() -> Iterator[Row]:
    chosen = random.Random(1)
    watchers = [_watcher(number, chosen) for number in range(WATCHERS)]
    started = time.perf_counter()
    index = Index(watchers)
    yield Row("index", (time.perf_counter() - started) * 1000, "ms", note=f"built of {WATCHERS:,} watchers")
    claims = [_claim(chosen) for _ in range(CLAIMS)]
    rates = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        hits = sum(len(index.fired(claim)) for claim in claims)
        rates.append(CLAIMS / (time.perf_counter() - started))
    yield row("match", rates, "attestations/s", note=f"{hits / CLAIMS:.1f} watchers fired by each")


def _watcher(number: int, chosen: random.Random) -> Watcher:
    """A third waits for a subject and a common predicate, a third for a context, a third for a predicate."""
    wanted = (
        Filter(predicates=[f"predicate:{chosen.randrange(200)}"], subjects=[f"subject:{chosen.randrange(20_000)}"]),
        Filter(contexts=[f"context:{chosen.randrange(500)}"]),
        Filter(predicates=[f"predicate:{chosen.randrange(400)}"]),
    )[number % 3]
    return Watcher(f"w{number}", f"w{number}", wanted, Action.WEBHOOK, "http://127.0.0.1:1")


def _claim(chosen: random.Random) -> Attestation:
    return Attestation(
        id="AS-1",
        subjects=(f"subject:{chosen.randrange(20_000)}",),
        predicates=(f"predicate:{chosen.randrange(200)}",),
        contexts=(f"context:{chosen.randrange(500)}", "lab"),
        actors=("actor:1",),
        timestamp_ms=0,
        created_at_ms=0,
    )
