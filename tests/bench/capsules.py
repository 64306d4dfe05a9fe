"""The audit trail beside the protocol's reference library, in one run."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import shutil
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from qp_capsule.audit import Capsules as ReferenceCapsules
from qp_capsule.chain import CapsuleChain as ReferenceChain
from qp_capsule.seal import Seal as ReferenceSeal
from qp_capsule.storage import CapsuleStorage as ReferenceStorage
from tests.bench.measure import Row, interleaved, row

from qntx.capsules import Capsule, Capsules, CapsuleStorage, Level, Recorder
from qntx.engine.api import Settings
from qntx.engine.pool import Pool
from qntx.model.execution import Execution, Result
from qntx.model.variant import parse
from qntx.plugin.audit import Audit, OnEvent, Place, Recording
from qntx.plugin.executor import Executor
from qntx.plugin.metrics import Metrics

RECORDS = int(os.environ.get("CAPSULES_BENCH_RECORDS", "50000"))
CALLS = 300
TASKS = 32
EXECUTIONS = 1500
BLOCK = 100
ROUNDS = 5
OURS, THEIRS = "qntx", "qp-capsule"
Makers = Mapping[str, Callable[[str], Any]]


def rows() -> Iterator[Row]:
    # Of each of the records that it loses it says so, in a line.
    logging.getLogger("qp_capsule").setLevel(logging.CRITICAL)
    with _folder() as folder:
        yield from asyncio.run(_sealing(folder))
        yield from _sealing_without_a_loop(folder)
        yield from asyncio.run(_caller(folder))
        yield from asyncio.run(_recording(folder))
        yield from asyncio.run(_executing(folder))
        yield from asyncio.run(_verifying(folder))


async def _sealing(folder: Path) -> list[Row]:
    """Stored records a second, by what is in the database afterwards: what was lost does not count.

    Where it says durable, both wait for the disk at each commit (synchronous=FULL, the default of either): neither
    acknowledges what a power cut could take. Then both without: what they acknowledge outlives kill -9 alone.
    """
    durable: Makers = {OURS: Capsules, THEIRS: ReferenceCapsules}
    outliving: Makers = {OURS: _without_disk, THEIRS: _reference_without_disk}
    taken = await _sealed(folder, "durable seals, 1 task", durable, 1, CALLS)
    taken += await _sealed(folder, f"durable seals, {TASKS} tasks", durable, TASKS, CALLS * 8)
    return taken + await _sealed(folder, "seals that outlive kill -9, 1 task", outliving, 1, CALLS)


async def _sealed(folder: Path, label: str, makers: Makers, tasks: int, calls: int) -> list[Row]:
    rates: dict[str, list[float]] = {OURS: [], THEIRS: []}
    lost = 0
    for number in range(ROUNDS):
        for name, make in makers.items():
            capsules: Any = make(str(folder / f"{label}-{name}-{number}.db"))
            rate, stored = await _rate(capsules, tasks, calls if name == OURS else calls // 4)
            rates[name].append(rate)
            lost += 0 if name == OURS else calls // 4 // tasks * tasks - stored
            await capsules.close()
    note = f"{THEIRS} lost {lost} of {calls // 4 * ROUNDS}" if lost else ""
    theirs = row(f"{label}, {THEIRS}", rates[THEIRS], "stored/s", note=note)
    return [theirs, row(f"{label}, {OURS}", rates[OURS], "stored/s", to=theirs.name)]


def _without_disk(path: str) -> Capsules:
    return Capsules(storage=CapsuleStorage(path, synchronous="normal"))


def _reference_without_disk(path: str) -> ReferenceCapsules:
    """It has no setting of its own for that; without a log, SQLite's is OFF, and NORMAL would wait."""

    async def connect() -> aiosqlite.Connection:
        connection = await aiosqlite.connect(path)
        await connection.execute("pragma synchronous=off")
        return connection

    return ReferenceCapsules(storage=ReferenceStorage(Path(path), async_creator=connect))


async def _rate(capsules: Any, tasks: int, calls: int) -> tuple[float, int]:
    @capsules.audit(type="tool")  # type: ignore[untyped-decorator]
    async def work(number: int) -> int:
        return number

    async def several() -> None:
        for number in range(calls // tasks):
            await work(number)

    await work(0)
    begun = time.perf_counter()
    await asyncio.gather(*(several() for _ in range(tasks)))
    seconds = time.perf_counter() - begun
    stored = await capsules.storage.count() - 1
    return stored / seconds, stored


def _sealing_without_a_loop(folder: Path) -> list[Row]:
    """The same of synchronous calls in a program that has no loop."""
    rates: dict[str, list[float]] = {OURS: [], THEIRS: []}
    for number in range(ROUNDS):
        for name, make in ((OURS, Capsules), (THEIRS, ReferenceCapsules)):
            capsules: Any = make(str(folder / f"{name}-synchronous-{number}.db"))
            rates[name].append(_rate_without_a_loop(capsules, CALLS if name == OURS else CALLS // 4))
            asyncio.run(capsules.close())
    label = "durable seals, synchronous"
    theirs = row(f"{label}, {THEIRS}", rates[THEIRS], "stored/s")
    return [theirs, row(f"{label}, {OURS}", rates[OURS], "stored/s", to=theirs.name)]


def _rate_without_a_loop(capsules: Any, calls: int) -> float:
    @capsules.audit(type="tool")  # type: ignore[untyped-decorator]
    def work(number: int) -> int:
        return number

    work(0)
    begun = time.perf_counter()
    for number in range(calls):
        work(number)
    seconds = time.perf_counter() - begun
    return float((asyncio.run(capsules.storage.count()) - 1) / seconds)


async def _caller(folder: Path) -> list[Row]:
    """What a synchronous call in a running loop waits for its audit."""
    capsules = Capsules(folder / "caller.db")

    @capsules.audit(type="tool")
    def work(number: int) -> int:
        return number

    samples = []
    for number in range(CALLS * 4):
        begun = time.perf_counter()
        work(number)
        samples.append((time.perf_counter() - begun) * 1e6)
        if number % 50 == 0:
            await asyncio.sleep(0.02)
    await capsules.close()
    return [row("cost of a synchronous call in a loop", samples, "µs")]


async def _recording(folder: Path) -> list[Row]:
    """What an execution waits for: the note before it, and the note after it."""
    taken = []
    for durable in ("process", "power"):
        capsules = Capsules(folder / f"recorder-{durable}.db")
        recorder = Recorder(capsules, durable=durable)
        begins, ends = [], []
        for _ in range(CALLS * 2):
            begun = time.perf_counter()
            run = recorder.begin(Capsule())
            begins.append((time.perf_counter() - begun) * 1e6)
            await asyncio.sleep(0.001)
            begun = time.perf_counter()
            run.finish("success")
            ends.append((time.perf_counter() - begun) * 1e6)
        await run.sealed()
        recorder.close()
        await capsules.close()
        taken += [row(f"a run's begin, durable={durable}", begins, "µs")]
        taken += [row(f"a run's finish, durable={durable}", ends, "µs")]
    return taken


class _Unrecorded(Recording):
    """What an execution is recorded with where there is no audit."""

    def __init__(self) -> None:
        pass

    def listening(self, on_event: OnEvent | None) -> OnEvent:
        return on_event or (lambda event: None)

    def ended(self, result: Result) -> Result:
        return result

    def __exit__(self, *error: object) -> None:
        pass


class _NoAudit(Audit):
    async def recording(self, *execution: object) -> Recording:
        return _Unrecorded()


async def _executing(folder: Path) -> list[Row]:
    """One execution with its record and one without any audit, in turns. No gRPC, which would hide some of it.

    Then many of each in turns: what is sealed behind an execution's back is at the cost of those that follow it, and
    one alone would leave that to the other kind.
    """
    variant = parse("bench", "", "(none)")
    names = {"an execution without its record": _NoAudit, "an execution": Audit}
    subjects = {}
    async with AsyncExitStack() as stack:
        for name, kind in names.items():
            audit = kind(variant, Place(folder / kind.__name__ / "capsules.db"))
            executor = Executor(variant, Pool, Metrics(variant.name), audit)
            stack.push_async_callback(executor.aclose)
            executor.configure(Settings(variant.name))
            subjects[name] = functools.partial(_execute, executor)
        taken = await interleaved(subjects, EXECUTIONS)
        blocks = {name: functools.partial(_execute_many, call) for name, call in subjects.items()}
        among = await interleaved(blocks, EXECUTIONS // BLOCK, warm_up=1)
    without, recorded = names
    rows = [row(without, taken[without], "ms"), row(recorded, taken[recorded], "ms", to=without)]
    for name in names:
        to = f"{without}, {BLOCK} in a row" if name == recorded else ""
        rows.append(row(f"{name}, {BLOCK} in a row", [block / BLOCK for block in among[name]], "ms", to=to))
    return rows


async def _execute_many(execute: Callable[[], Awaitable[None]]) -> None:
    for _ in range(BLOCK):
        await execute()


async def _execute(executor: Executor) -> None:
    assert (await executor.run(Execution(code="_result = 1 + 1", id=executor.new_id()))).success


async def _verifying(folder: Path) -> list[Row]:
    path = folder / "verify.db"
    capsules = Capsules(path)
    acks = [capsules.chain.submit(Capsule()) for _ in range(RECORDS)]
    for ack in acks:
        ack.result()
    del acks
    storage = ReferenceStorage(path)
    chain = ReferenceChain(storage)
    taken = []
    for level, ours, theirs in (
        ("content", lambda: capsules.chain.verify(level=Level.CONTENT), lambda: chain.verify(verify_content=True)),
        (
            "signatures",
            lambda: capsules.chain.verify(level=Level.SIGNATURES),
            lambda: chain.verify(seal=ReferenceSeal()),
        ),
    ):
        label = f"verification, {level}, {RECORDS} records"
        taken.append(row(f"{label}, {THEIRS}", [RECORDS / await _seconds(theirs)], "/s"))
        taken.append(row(f"{label}, {OURS}", [RECORDS / await _seconds(ours)], "/s", to=f"{label}, {THEIRS}"))
    memory = f"memory of a verification, {RECORDS} records"
    taken.append(row(f"{memory}, {THEIRS}", [await _mebibytes(lambda: chain.verify())], "MiB", note="structural"))
    taken.append(
        row(f"{memory}, {OURS}", [await _mebibytes(lambda: capsules.chain.verify())], "MiB", to=f"{memory}, {THEIRS}")
    )
    await storage.close()
    taken += await _proving(capsules)
    await capsules.close()
    return taken


async def _proving(capsules: Capsules) -> list[Row]:
    found = await capsules.storage.list(limit=50, offset=RECORDS // 2)
    made, checked = [], []
    for capsule in found:
        begun = time.perf_counter()
        proof = await capsules.chain.inclusion(capsule.id)
        made.append((time.perf_counter() - begun) * 1000)
        begun = time.perf_counter()
        assert proof.holds()
        checked.append((time.perf_counter() - begun) * 1e6)
    size = float(sum(map(len, proof.path)))
    return [
        row(f"inclusion proof among {RECORDS}, size", [size], "B"),
        row(f"inclusion proof among {RECORDS}, made", made, "ms"),
        row(f"inclusion proof among {RECORDS}, checked", checked, "µs"),
    ]


async def _seconds(work: Callable[[], Awaitable[Any]]) -> float:
    samples = []
    for _ in range(2):
        begun = time.perf_counter()
        assert (await work()).valid
        samples.append(time.perf_counter() - begun)
    return statistics.median(samples)


async def _mebibytes(work: Callable[[], Awaitable[Any]]) -> float:
    tracemalloc.start()
    await work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder, and keys, of this run's own."""
    before = os.environ.get("QUANTUMPIPES_DATA_DIR")
    folder = Path(tempfile.mkdtemp(prefix="capsules-bench-"))
    os.environ["QUANTUMPIPES_DATA_DIR"] = str(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.environ.pop("QUANTUMPIPES_DATA_DIR")
        if before is not None:
            os.environ["QUANTUMPIPES_DATA_DIR"] = before
