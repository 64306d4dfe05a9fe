"""Many runs mixed with crashes, kills, cancellations and lost zygotes: what an engine holds must not grow.

QNTX_ENDURANCE_RUNS sets how many; 10,000 where it is not set. What it holds is looked at after a tenth of them, after
half and at the end. Objects and blocks are Python's own count, which is exact; pages (USS) also have what the allocator
keeps for next time.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import psutil
from tests.bench.engine import Counting
from tests.bench.measure import Row

from qntx.engine.api import Settings
from qntx.engine.pool import Pool
from qntx.errors import WorkerLost
from qntx.model.execution import Execution, Limits, Outcome

RUNS = int(os.environ.get("QNTX_ENDURANCE_RUNS", "10000"))
STAGES = (0.1, 0.4, 0.5)
"""Shares of the runs; after each we look."""
ZYGOTE_KILLS = (1, 2, 2)
AT_ONCE = 4
CANCEL_AFTER_SECONDS = 0.02
SETTLE_SECONDS = 15
CANCELLED = "while True: pass  # until it is cancelled"
SCRIPTS = {
    "1 + 1": Outcome.FINISHED,
    "print('x' * 100_000)": Outcome.FINISHED,
    "for n in range(100): attest([f's{n}'], ['p'], ['c'])": Outcome.FINISHED,
    "open('file', 'w').write('x' * 100_000)": Outcome.FINISHED,
    "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()": Outcome.FINISHED,
    "1 / 0": Outcome.RAISED,
    "import os; os._exit(3)": Outcome.KILLED,
    "import ctypes; ctypes.string_at(1)": Outcome.KILLED,
    "import os; os.close(3)": Outcome.KILLED,
    "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)": Outcome.FINISHED,
    CANCELLED: Outcome.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Held:
    """What the engine and its processes hold."""

    descriptors: int
    processes: int
    scratch_directories: int
    objects: int
    """That Python's collector knows in the engine's process."""
    blocks: int
    """Of memory that Python has given out there."""
    engine_mib: float
    zygote_mib: float


def rows() -> Iterator[Row]:
    held, outcomes, lost = asyncio.run(_endure())
    done = sum(outcomes.values())
    yield Row("runs", done, "", note=", ".join(f"{name}: {n}" for name, n in sorted(outcomes.items())))
    yield Row("zygotes killed", sum(ZYGOTE_KILLS), "", note=f"{lost} runs were under way in one and told so")
    for each in fields(Held):
        unit = "MiB" if each.name.endswith("_mib") else ""
        *before, now = (getattr(look, each.name) for look in held.values())
        shown = "{:.1f}" if unit else "{:,}"
        note = ", ".join(f"{shown.format(then)} after {runs:,}" for runs, then in zip(held, before, strict=False))
        yield Row(each.name.replace("_mib", " memory").replace("_", " "), now, unit, note=note)


async def _endure() -> tuple[dict[int, Held], dict[str, int], int]:
    """What was held after so many runs, how they ended, and how many were lost with a zygote."""
    held: dict[int, Held] = {}
    outcomes: dict[str, int] = {}
    lost = 0
    async with Pool(Settings(name="endurance", running_max=AT_ONCE, sandbox_max="landlock")) as pool:
        home, numbers = Counting(), itertools.count()

        async def run_all(count: int) -> None:
            codes = itertools.islice(itertools.cycle(SCRIPTS), count)

            async def run_on() -> None:
                nonlocal lost
                for code in codes:
                    try:
                        outcome = await _run(pool, home, code, f"run-{next(numbers)}")
                    except WorkerLost:
                        lost += 1
                        continue
                    assert outcome is SCRIPTS[code], (code, outcome)
                    outcomes[outcome.value] = outcomes.get(outcome.value, 0) + 1

            await asyncio.gather(*(run_on() for _ in range(AT_ONCE)))

        for share, kills in zip(STAGES, ZYGOTE_KILLS, strict=True):
            for _ in range(kills):
                await run_all(int(RUNS * share) // kills // 2)
                _zygote().send_signal(signal.SIGKILL)
                await run_all(int(RUNS * share) // kills // 2)
            held[sum(outcomes.values())] = await _held(pool)
        return held, outcomes, lost


async def _run(pool: Pool, home: Counting, code: str, name: str) -> Outcome:
    execution = Execution(code=code, id=name, limits=Limits(subprocess="subprocess" in code))
    if code is CANCELLED:
        asyncio.get_running_loop().call_later(CANCEL_AFTER_SECONDS, pool.cancel, name)
    return (await pool.run(execution, home)).outcome


async def _held(pool: Pool) -> Held:
    """When what ended is gone: the least of several looks, since idle workers come and go a little later."""
    while pool.describe()["idle_workers"] < 2 * AT_ONCE:
        await asyncio.sleep(0.1)
    looks = []
    for _ in range(SETTLE_SECONDS):
        await asyncio.sleep(1)
        gc.collect()
        looks.append(_look(pool))
    return Held(*(min(getattr(look, held.name) for look in looks) for held in fields(Held)))


def _look(pool: Pool) -> Held:
    engine = psutil.Process()
    family = engine.children(recursive=True)
    scratch = Path(pool._scratch.path)
    return Held(
        descriptors=engine.num_fds(),
        processes=len(family),
        scratch_directories=sum(len(list(tier.iterdir())) for tier in scratch.iterdir() if tier.is_dir()),
        objects=len(gc.get_objects()),
        blocks=sys.getallocatedblocks(),
        engine_mib=engine.memory_full_info().uss / 2**20,
        zygote_mib=_zygote().memory_full_info().uss / 2**20,
    )


def _zygote() -> psutil.Process:
    return psutil.Process().children()[0]
