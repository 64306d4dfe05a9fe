"""Many runs mixed with crashes, kills, cancellations and lost zygotes: what an engine holds must not grow.

QNTX_ENDURANCE_RUNS sets how many; 10,000 where it is not set.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
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
WARM_UP_RUNS = 500
AT_ONCE = 4
CANCEL_AFTER_SECONDS = 0.02
ZYGOTE_KILLS = 5
SETTLE_SECONDS = 15.0
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
    engine_mib: float
    zygote_mib: float


def rows() -> Iterator[Row]:
    before, after, outcomes, lost = asyncio.run(_endure())
    yield Row(
        "runs", sum(outcomes.values()), "", note=", ".join(f"{name}: {n}" for name, n in sorted(outcomes.items()))
    )
    yield Row("zygotes killed", ZYGOTE_KILLS, "", note=f"{lost} runs were under way in one and told so")
    for held in fields(Held):
        then, now = getattr(before, held.name), getattr(after, held.name)
        unit = "MiB" if held.name.endswith("_mib") else ""
        yield Row(held.name.replace("_mib", " memory").replace("_", " "), now, unit, note=f"{then:.4g} before")


async def _endure() -> tuple[Held, Held, dict[str, int], int]:
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

        await run_all(WARM_UP_RUNS)
        before = await _held(pool)
        outcomes.clear()
        for _ in range(ZYGOTE_KILLS):
            await run_all(RUNS // ZYGOTE_KILLS // 2)
            _zygote().send_signal(signal.SIGKILL)
            await run_all(RUNS // ZYGOTE_KILLS // 2)
        return before, await _held(pool), outcomes, lost


async def _run(pool: Pool, home: Counting, code: str, name: str) -> Outcome:
    execution = Execution(code=code, id=name, limits=Limits(subprocess="subprocess" in code))
    if code is CANCELLED:
        asyncio.get_running_loop().call_later(CANCEL_AFTER_SECONDS, pool.cancel, name)
    return (await pool.run(execution, home)).outcome


async def _held(pool: Pool) -> Held:
    """When what ended is gone: the least of several looks, since idle workers come and go a little later."""
    looks = []
    for _ in range(int(SETTLE_SECONDS)):
        await asyncio.sleep(1)
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
        engine_mib=engine.memory_info().rss / 2**20,
        zygote_mib=_zygote().memory_info().rss / 2**20,
    )


def _zygote() -> psutil.Process:
    return psutil.Process().children()[0]
