"""The engine without gRPC: a fresh sealed process a run, beside a warm one, no process at all, and a new interpreter.

The measured scripts are not those that workers rehearse. Libraries that are not installed here are left out, with the
rows that need them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
from tests.bench.measure import Row, against, interleaved, row

from qntx.engine.api import Settings
from qntx.engine.pool import Pool
from qntx.engine.run import GRACE_SECONDS
from qntx.model.execution import Execution, Limits, Result

LIBRARIES = ("numpy", "pandas", "scipy.stats", "scipy.optimize", "scipy.linalg", "Bio.Seq", "Bio.SeqIO", "orjson")
PRELOAD = tuple(name for name in LIBRARIES if find_spec(name.partition(".")[0]))
SUM = "1 + 1"
SCRIPTS = {
    "pandas group by": (
        ("pandas",),
        "import pandas as pd\nf = pd.DataFrame({'a': range(100), 'g': [n % 7 for n in range(100)]})\n"
        "int(f.groupby('g').a.sum().max())",
    ),
    "Biopython and scipy.stats": (
        ("Bio", "scipy"),
        "from Bio.Seq import Seq\nfrom scipy import stats\n"
        "str(Seq('ATGGCC' * 9).translate()), float(stats.norm.cdf(0.3))",
    ),
}
ROUNDS = 200
SLOW_ROUNDS = 9
THINK_SECONDS = 0.02
RUNS = 300
ATTESTS = 300_000
DEADLINES = 25
DEADLINE_SECONDS = 0.1
HARD = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
# Its own pages after a collection, of a worker as it is and of one that gives up what gc.freeze() gave it.
COLLECTED = (
    "import gc, re\n{thaw}gc.collect()\n"
    "sum(map(int, re.findall(r'Private_\\w+:\\s+(\\d+) kB', open('/proc/self/smaps_rollup').read()))) / 1024"
)
FRAME = "import pandas as pd, numpy as np\nf = pd.DataFrame(np.random.rand(10_000, 5), columns=list('abcde'))\n"


class Counting:
    """A home that takes everything."""

    def __init__(self) -> None:
        self.stored = 0

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        return None

    async def attest(self, drafts: Sequence[bytes]) -> Sequence[tuple[str, int]]:
        self.stored += len(drafts)
        return [("AS", 0)] * len(drafts)


class Bench:
    """A pool and how to run code in it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._number = 0
        self.home = Counting()

    async def run(self, code: str, **fields: Any) -> Result:
        self._number += 1
        limits = fields.pop("limits", Limits(timeout_seconds=120))
        return await self._pool.run(Execution(code=code, id=str(self._number), limits=limits, **fields), self.home)

    def caller(self, code: str, **fields: Any) -> Callable[[], Awaitable[object]]:
        async def call() -> None:
            await asyncio.sleep(0)
            result = await self.run(code, **fields)
            assert result.success, result.error

        return call


def rows() -> Iterator[Row]:
    yield from asyncio.run(_all())


async def _all() -> list[Row]:
    async with _opened("full") as sealed, _opened("limits") as unsealed:
        return [
            *await _latency(sealed, unsealed),
            *await _scripts(sealed),
            *await _throughput(sealed, unsealed),
            *await _deadlines(sealed),
            *await _attests(sealed),
            await _sleeps(sealed),
            *await _frame(sealed),
            *_memory(),
            *await _collected(sealed),
        ]


@asynccontextmanager
async def _opened(rung: str) -> AsyncIterator[Bench]:
    async with Pool(Settings(name="bench", preload=PRELOAD, running_max=8, sandbox_max=rung)) as pool:
        while not pool.describe()["ready"]:  # nothing tells
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        yield Bench(pool)


async def _latency(sealed: Bench, unsealed: Bench) -> list[Row]:
    async def think() -> None:
        await asyncio.sleep(THINK_SECONDS)

    async def in_process() -> None:
        exec(compile(SUM, "<bench>", "exec"), {})

    subjects = {
        "fresh, sealed": sealed.caller(SUM),
        "fresh, limits only": unsealed.caller(SUM),
        "session, sealed": sealed.caller(SUM, session_id="s"),
        "exec()": in_process,
        "python -c": _interpreter(SUM),
    }
    spaced = {
        key: value for name, call in subjects.items() for key, value in ((f"think before {name}", think), (name, call))
    }
    taken = await interleaved(spaced, ROUNDS)
    return [
        row(f"1 + 1: {name}", taken[name], "ms", to="" if name == "fresh, sealed" else "1 + 1: fresh, sealed")
        for name in subjects
    ]


async def _scripts(sealed: Bench) -> list[Row]:
    found = []
    for name, (needs, code) in SCRIPTS.items():
        if all(map(find_spec, needs)):
            subjects = {"fresh, sealed": sealed.caller(code), "python -c": _interpreter(code)}
            taken = await interleaved(subjects, SLOW_ROUNDS, warm_up=2)
            found.append(row(f"{name}: fresh, sealed", taken["fresh, sealed"], "ms"))
            found.append(row(f"{name}: python -c", taken["python -c"], "ms", to=f"{name}: fresh, sealed"))
    return found


async def _throughput(sealed: Bench, unsealed: Bench) -> list[Row]:
    code = f"import {PRELOAD[0].partition('.')[0]}\n{SUM}" if PRELOAD else SUM
    imports = "import " + ", ".join(PRELOAD) if PRELOAD else SUM
    rates = {"sealed": await _rate(sealed.caller(code), RUNS), "limits only": await _rate(unsealed.caller(code), RUNS)}
    rates["python -c with the imports"] = await _rate(_interpreter(imports), 8)
    rates["python -c without"] = await _rate(_interpreter(SUM), 100)
    ours = "runs a second, libraries loaded: sealed"
    found = {
        name: Row(f"runs a second, libraries loaded: {name}", rate, "/s", to="" if name == "sealed" else ours)
        for name, rate in rates.items()
    }
    found["limits only"] = against(found["limits only"], rates["limits only"] / rates["sealed"], 1.3)
    for name, aim in (("python -c with the imports", 200), ("python -c without", 2.5)):
        found[name] = against(found[name], rates["sealed"] / rates[name], aim, at_least=True)
    return [*found.values()]


async def _rate(call: Callable[[], Awaitable[object]], runs: int, callers: int = 4) -> float:
    left = iter(range(runs))

    async def call_on() -> None:
        for _ in left:
            await call()

    started = time.perf_counter()
    await asyncio.gather(*(call_on() for _ in range(callers)))
    return runs / (time.perf_counter() - started)


async def _deadlines(sealed: Bench) -> list[Row]:
    soft = await _late(sealed, "while True: pass")
    hard = [each - 1000 * GRACE_SECONDS for each in await _late(sealed, HARD)]
    return [
        against(row("from the deadline to the answer", soft, "ms"), statistics.median(soft), 5),
        against(row("and past the grace, where it has to be killed", hard, "ms"), statistics.median(hard), 6),
    ]


async def _late(sealed: Bench, code: str) -> list[float]:
    limits = Limits(timeout_seconds=DEADLINE_SECONDS)
    taken = [(await sealed.run(code, limits=limits)).duration_ms for _ in range(DEADLINES)]
    return [each - 1000 * DEADLINE_SECONDS for each in taken]


async def _attests(sealed: Bench) -> list[Row]:
    loop = f"import time\nstarted = time.perf_counter()\nfor n in range({ATTESTS}): attest(['s'], ['p'], ['c'])\n"
    waiting = "import time\nstarted = time.perf_counter()\nfor n in range(2000): attest(['s'], ['p'], ['c'])['id']\n"
    started = time.perf_counter()
    batched = await sealed.run(f"{loop}_result = {ATTESTS} / (time.perf_counter() - started)")
    stored = ATTESTS / (time.perf_counter() - started)
    one_by_one = await sealed.run(f"{waiting}_result = 2000 / (time.perf_counter() - started)")
    rate, waited = json.loads(batched.result_json), json.loads(one_by_one.result_json)
    name = "attest() in a script"
    until_stored = Row("attest() until stored", stored, "/s", to=name, note="in a store that only counts")
    return [
        against(Row(name, rate, "/s"), rate, 500_000, at_least=True),
        against(until_stored, stored, 300_000, at_least=True),
        against(Row("attest(), each id waited for", waited, "/s", to=name), rate / waited, 50, at_least=True),
    ]


async def _sleeps(sealed: Bench) -> Row:
    started = time.perf_counter()
    await asyncio.gather(*(sealed.run("import time; time.sleep(0.1)") for _ in range(8)))
    taken = 1000 * (time.perf_counter() - started)
    return against(Row("8 sleeps of 100 ms at once", taken, "ms"), 800 / taken, 6, at_least=True)


async def _frame(sealed: Bench) -> list[Row]:
    if not find_spec("pandas"):
        return []
    ours = await _within(sealed, FRAME + "from qntx.worker.results import encode\n", "encode(f)")
    records = await _within(sealed, FRAME + "import json\n", "json.dumps(f.to_dict('records'))")
    return [
        Row(
            "a frame of 10,000 × 5 as a result",
            ours,
            "ms",
            note="with orjson" if find_spec("orjson") else "without orjson",
        ),
        against(
            Row("to_dict and json.dumps", records, "ms", to="a frame of 10,000 × 5 as a result"),
            records / ours,
            30,
            at_least=True,
        ),
    ]


async def _within(bench: Bench, before: str, expression: str) -> float:
    """Milliseconds of the expression, measured by the script."""
    code = (
        f"{before}import time\ntaken = []\nfor _ in range(9):\n    started = time.perf_counter()\n    {expression}\n"
        "    taken.append(1000 * (time.perf_counter() - started))\n_result = taken"
    )
    return statistics.median(json.loads((await bench.run(code)).result_json))


def _memory() -> list[Row]:
    """Of the idle workers: what ends when they end."""
    private = [_private_mib(pid) for pid in _workers()]
    if not private:
        return []
    idle = row("an idle worker", private, "MiB", note=f"its own pages (USS); the heaviest has {max(private):.3g}")
    return [against(idle, statistics.median(private), 2)]


async def _collected(sealed: Bench) -> list[Row]:
    needs = f"import {PRELOAD[0]}\n" if PRELOAD else ""
    found = {}
    for name, thaw in (("gc.collect() in a run", ""), ("and after gc.unfreeze()", "gc.unfreeze()\n")):
        runs = [await sealed.run(needs + COLLECTED.format(thaw=thaw)) for _ in range(5)]
        found[name] = statistics.median(json.loads(run.result_json) for run in runs)
    frozen, thawed = (Row(name, mib, "MiB", note="its own pages (USS)") for name, mib in found.items())
    return [frozen, against(thawed, thawed.value / frozen.value, 20, at_least=True)]


def _workers() -> Iterator[int]:
    for process in psutil.Process().children(recursive=True):
        # One that ends while we look is none.
        with contextlib.suppress(psutil.Error):
            if process.cwd() == "/scratch":
                yield process.pid


def _private_mib(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kib) for kib in re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.MULTILINE)) / 1024


def _interpreter(code: str) -> Callable[[], Awaitable[object]]:
    async def call() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
        assert await process.wait() == 0

    return call
